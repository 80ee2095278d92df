-- Puts a dead letter back on the stream it came from, once, however many ask for it.
-- KEYS[1] the stream of the dead, KEYS[2] the stream to put it on
-- ARGV[1] the id of the dead letter; then field, value, … of the original entry
-- Answer  1 put back, 0 it was not there any more.
-- Promise the letter is gone and the entry is back, or neither.
if redis.call('XDEL', KEYS[1], ARGV[1]) == 0 then return 0 end
redis.call('XADD', KEYS[2], '*', unpack(ARGV, 2))
return 1
