/**
 * kafkajs 2.2.4 polls for waiting requests every millisecond, on each connection, for ever: most of an idle
 * worker's cost (tulios/kafkajs#1704). With this it polls only while a request waits.
 */
import RequestQueue from "kafkajs/src/network/requestQueue/index.js";

interface Requests {
  readonly pending: readonly unknown[];
}

const { scheduleCheckPendingRequests: schedule } = RequestQueue.prototype;

RequestQueue.prototype.scheduleCheckPendingRequests = function (this: Requests) {
  if (this.pending.length > 0) schedule.call(this);
};
