/**
 * kafkajs 2.2.4 looks for requests that wait every millisecond, on each connection, for ever: most of what an idle worker
 * costs (tulios/kafkajs#1704). With this a look is made only while a request waits.
 */
import RequestQueue from "kafkajs/src/network/requestQueue/index.js";

interface Requests {
  readonly pending: readonly unknown[];
}

const { scheduleCheckPendingRequests: schedule } = RequestQueue.prototype;

RequestQueue.prototype.scheduleCheckPendingRequests = function (this: Requests) {
  if (this.pending.length > 0) schedule.call(this);
};
