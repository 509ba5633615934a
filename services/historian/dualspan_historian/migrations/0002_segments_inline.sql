-- Segments up to half a page lie in the row itself. In TOAST, chunks of 2000 bytes and their index cost a fifth more.
SET LOCAL lock_timeout = '5s';

ALTER TABLE segment SET (toast_tuple_target = 4080);
