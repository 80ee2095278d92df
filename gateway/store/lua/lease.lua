-- Grants messages of a provider's rate, which holds over all workers together (GCRA, one key per provider).
-- KEYS[1] the provider's theoretical arrival time (µs)
-- ARGV    interval between two messages (µs), burst (µs), how many are wanted
-- Answer  {how many are granted, µs until the next one}
-- Promise over any span t at most t / interval + burst / interval are granted, by the server's own clock.
local time = redis.call('TIME')
local now, interval, burst = time[1] * 1000000 + time[2], tonumber(ARGV[1]), tonumber(ARGV[2])
-- Nothing is ever granted beyond now + burst: an arrival later than that was written before the clock was put back.
local arrival = math.min(math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now), now + burst)
local granted = math.max(0, math.min(tonumber(ARGV[3]), math.floor((now + burst - arrival) / interval)))
arrival = arrival + granted * interval
redis.call('SET', KEYS[1], string.format('%.0f', arrival), 'PX', math.ceil((arrival - now) / 1000) + 1000)
return {granted, math.max(0, math.ceil(arrival + interval - burst - now))}
