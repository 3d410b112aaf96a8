/** Files that settings name. */
import assert from "node:assert/strict";
import { readNamedFile } from "./named_file.ts";

Deno.test("a file that is not there is named, with its setting", () => {
  assert.throws(
    () => readNamedFile("/nowhere.pem", "KAFKA_CA_FILE"),
    /Cannot read \/nowhere\.pem, which KAFKA_CA_FILE names \(NotFound\)/,
  );
});

Deno.test({
  name: "a file that the program may not read is named, with the folders of which it may",
  permissions: { read: false },
  fn() {
    assert.throws(
      () => readNamedFile("/nowhere.pem", "KAFKA_CA_FILE"),
      ({ message }: Error) =>
        /names \(this program may read .*\/run\/secrets/.test(message) && !/--allow/.test(message),
    );
  },
});
