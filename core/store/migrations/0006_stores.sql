-- Lists completed thoughts past any number of waiting ones, and finds those whose time is up. `result` is set once, by
-- the completion, which changes an index anyway.
create index thoughts_completed on thoughts (id) where result is not null;
