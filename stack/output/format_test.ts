/** Columns, cuts and line breaks. */
import assert from "node:assert/strict";
import { stripVTControlCharacters } from "node:util";
import { fit, rowText, table, wrap } from "./format.ts";

Deno.test("rowText() takes one line at 80 columns and at 200, glyph and indent counted in", () => {
  const row = { name: "kafka-worker", text: "a word ".repeat(40), seconds: 12.34 };
  for (const [columns, most] of [[80, 80], [200, 100]] as const) {
    const text = rowText({ colour: false, columns }, row);
    assert.ok(text.length <= most - 8, `${text.length}`);
    assert.match(text, /^kafka-worker +a word .*… +12\.3 s$/);
  }
});

Deno.test("colour changes nothing about the columns", () => {
  const row = { name: "db", text: "healthy", seconds: 1 };
  const coloured = rowText({ colour: true, columns: 80 }, row);
  assert.notEqual(coloured, stripVTControlCharacters(coloured));
  assert.equal(stripVTControlCharacters(coloured), rowText({ colour: false, columns: 80 }, row));
});

Deno.test("fit() cuts with an ellipsis, and only what is too long", () => {
  assert.deepEqual([fit("abcde", 5), fit("abcdef", 5), fit("a\n b", 5)], ["abcde", "abcd…", "a b"]);
});

Deno.test("table() lines columns up whatever their colour", () => {
  assert.deepEqual(table([["\x1b[32mab\x1b[39m", "1"], ["abcd", "2"]]).map(stripVTControlCharacters), [
    "ab    1",
    "abcd  2",
  ]);
});

Deno.test("wrap() breaks at spaces and indents what follows", () => {
  assert.equal(wrap("one two three", 9, "  "), "one two\n  three");
});
