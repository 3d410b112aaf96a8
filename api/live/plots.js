/** The two small plots. */
// @ts-ignore -- served from the npm package under this name, see route.tsx
import uPlot from "./uplot.js";

const HEIGHT_PX = 140;
/** Young histories fill the plot from the right. */
const SHORTEST_S = 60;

const clock = (seconds) => new Date(1000 * seconds).toLocaleTimeString([], { timeStyle: "short" });

/** Makes a plot in an element; the returned function redraws it, following width and colour scheme. */
function createPlot(element, series) {
  let plot;
  let data = [[], ...series.map(() => [])];

  function make() {
    plot?.destroy();
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    const axis = {
      stroke: colour("--quiet"),
      grid: { stroke: colour("--border"), width: 1 },
      ticks: { show: false },
    };
    plot = new uPlot(
      {
        width: element.clientWidth,
        height: HEIGHT_PX,
        legend: { show: false },
        cursor: { show: false },
        scales: {
          x: { range: (_plot, first, last) => [Math.min(first, last - SHORTEST_S), last] },
          y: { range: (_plot, _least, most) => [0, Math.max(1, most * 1.1)] },
        },
        axes: [
          { ...axis, size: 28, space: 80, incrs: [60, 120, 300], values: (_plot, at) => at.map(clock) },
          { ...axis, size: 56 },
        ],
        series: [
          {},
          ...series.map((name) => ({
            stroke: colour(`--${name}`),
            width: 2,
            points: { show: false },
            spanGaps: false,
          })),
        ],
      },
      data,
      element,
    );
  }

  make();
  new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height: HEIGHT_PX })).observe(element);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", make);
  return (history) => {
    data = [history.at.map((ms) => ms / 1000), ...series.map((name) => history[name])];
    plot.setData(data);
  };
}

/** @returns draws a history into both plots */
export function createPlots() {
  const plots = [
    createPlot(document.getElementById("plot-rates"), ["accepted", "processed"]),
    createPlot(document.getElementById("plot-waiting"), ["waiting"]),
  ];
  return (history) => {
    for (const draw of plots) draw(history);
  };
}
