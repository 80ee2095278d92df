-- Moves what is due from the schedule back to its lane.
-- KEYS    schedule, waiting, then the lanes: high, normal, bulk; control
-- ARGV    now (ms), how many at most
-- Answer  {how many were moved, the due time of the next one or false, the version of the control document}
-- Promise an entry is in the schedule or on its lane, never in both and never in neither.
local lanes = {high = KEYS[3], normal = KEYS[4], bulk = KEYS[5]}
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, ARGV[2])
for _, member in ipairs(due) do
  local lane, tenant, recipient, account, _, _, job =
    string.match(member, '^(.-)\31(.-)\31(.-)\31(.-)\31(.-)\31(.-)\31(.*)$')
  redis.call('XADD', lanes[lane], '*', 'wake', member)
  redis.call('ZREM', KEYS[1], member)
  redis.call('ZREM', KEYS[2], 'p\30' .. member, 'w\30' .. member, 'j\31' .. tenant .. '\31' .. job .. '\30' .. member,
    'a\31' .. tenant .. '\31' .. account .. '\30' .. member, 'r\31' .. tenant .. '\31' .. recipient .. '\30' .. member)
end
local next = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
return {#due, next[2] or false, redis.call('HGET', KEYS[6], 'v') or '0'}
