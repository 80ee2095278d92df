-- Reads what a batch of jobs must know, in one step.
-- KEYS[1] control, KEYS[2] cancels, then per job three: the job's record, the person's file, the household's file
--         (the person's again where there is none).
-- ARGV    per job three selectors of cancels: job, account, person ('' where there is none).
-- Answer  {HGETALL control, {record, HGETALL file, HGETALL household or false, latest cancel in ms or false}, …}
-- Promise writes nothing; all of it is from one instant.
local answer = {redis.call('HGETALL', KEYS[1])}
local cancelled = redis.call('HLEN', KEYS[2]) > 0
for i = 0, (#KEYS - 2) / 3 - 1 do
  local record, person, household = KEYS[3 * i + 3], KEYS[3 * i + 4], KEYS[3 * i + 5]
  local latest = false
  if cancelled then
    for _, at in ipairs(redis.call('HMGET', KEYS[2], ARGV[3 * i + 1], ARGV[3 * i + 2], ARGV[3 * i + 3])) do
      if at and (not latest or tonumber(at) > tonumber(latest)) then latest = at end
    end
  end
  answer[i + 2] = {
    redis.call('GET', record),
    redis.call('HGETALL', person),
    household ~= person and redis.call('HGETALL', household) or false,
    latest,
  }
end
return answer
