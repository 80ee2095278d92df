-- Makes everything that waits under a selector due now.
-- KEYS    schedule, waiting
-- ARGV    selector, now (ms), how many at most, after which index entry ('' for the first)
-- Answer  {how many were woken, the last index entry seen}
-- Promise wakes nothing that is not in the schedule; what it wakes is judged anew, so waking too much is harmless.
local prefix = ARGV[1] .. '\30'
local from = ARGV[4] == '' and '[' .. prefix or '(' .. ARGV[4]
local found = redis.call('ZRANGEBYLEX', KEYS[2], from, '(' .. ARGV[1] .. '\31', 'LIMIT', 0, ARGV[3])
for _, entry in ipairs(found) do
  redis.call('ZADD', KEYS[1], 'XX', ARGV[2], string.sub(entry, #prefix + 1))
end
return {#found, found[#found] or ''}
