-- Why a thought failed, in a word: what operators count and redrive by. Null while it has not failed, and in rows that
-- failed before this column was there.
alter table thoughts add column failure text
