-- Reads what a batch of jobs must know, in one step.
-- KEYS[1] control, KEYS[2] cancels, KEYS[3] stopped addresses, then per job three: the job's record, the person's file,
--         the household's file (the person's again where there is none).
-- ARGV    per job four: three selectors of cancels, job, account, person ('' where there is none), and the digests of
--         its addresses, with spaces between them.
-- Answer  {HGETALL control, {record, HGETALL file, HGETALL household or false, latest cancel in ms or false,
--         {digest, its stop, …} or false where nobody at all is stopped}, …}
-- Promise writes nothing; all of it is from one instant.
local answer = {redis.call('HGETALL', KEYS[1])}
local cancelled, stopped = redis.call('HLEN', KEYS[2]) > 0, redis.call('HLEN', KEYS[3]) > 0

local function stops(digests)
  if not stopped then return false end
  local found = {}
  for digest in string.gmatch(digests, '%S+') do
    local stop = redis.call('HGET', KEYS[3], digest)
    if stop then
      found[#found + 1] = digest
      found[#found + 1] = stop
    end
  end
  return found
end

for i = 0, (#KEYS - 3) / 3 - 1 do
  local record, person, household = KEYS[3 * i + 4], KEYS[3 * i + 5], KEYS[3 * i + 6]
  local latest = false
  if cancelled then
    for _, at in ipairs(redis.call('HMGET', KEYS[2], ARGV[4 * i + 1], ARGV[4 * i + 2], ARGV[4 * i + 3])) do
      if at and (not latest or tonumber(at) > tonumber(latest)) then latest = at end
    end
  end
  answer[i + 2] = {
    redis.call('GET', record),
    redis.call('HGETALL', person),
    household ~= person and redis.call('HGETALL', household) or false,
    latest,
    stops(ARGV[4 * i + 4]),
  }
end
return answer
