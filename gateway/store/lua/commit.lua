-- Writes a batch of changes, each whole or not at all: if what its author saw is still so, all of it.
-- KEYS    whatever the changes name, by position.
-- ARGV[1] msgpack {guard, changes, journal}: guard is {position of control, the version seen, the epoch seen or nil} or
--         nil; journal is the position of the journal or nil;
--         a change is {record, files, outputs, schedule, ack, waiting, puts, address, note}:
--           record   nil or {position, text seen or false, text to write or false, ttl ms}
--           files    {{position, version seen or -1, {field, value, …}, {field to delete, …}, ttl ms, 0 for ever,
--                    or negative: at least so long}, …}
--           outputs  {{position of stream, field, value, …}, …}
--           schedule nil or {position of schedule, member, due ms or -1 to leave it}
--           ack      nil or {position of stream, entry id}
--           waiting  nil or {position of the index, {selector, …}}
--           puts     {{position, value, ttl ms}, …}
--           address  nil or {position of the stopped addresses, digest, the stop seen or false}
--           note     nil or what the ledger is to know besides; nothing here reads it
-- Answer  per change 1 written, 0 the record is another, -1 a file is newer or the address was stopped, -2 the guard is
--         (nothing at all written); at the end the id of the journal's entry, false where there is none.
-- Promise a change is atomic, durable when the answer is (appendfsync always), and stands in the journal as it was.
local batch = cmsgpack.unpack(ARGV[1])
local guard, changes, answer = batch[1], batch[2], {}
local function outdated()
  local seen = redis.call('HMGET', KEYS[guard[1]], 'v', 'epoch')
  return tonumber(seen[1] or '0') ~= guard[2] or (guard[3] and seen[2] ~= guard[3])
end

if guard and outdated() then
  for i = 1, #changes do answer[i] = -2 end
  answer[#changes + 1] = false
  return answer
end

local function fits(change)
  local record = change[1]
  if record and redis.call('GET', KEYS[record[1]]) ~= record[2] then return 0 end
  local address = change[8]
  if address and redis.call('HGET', KEYS[address[1]], address[2]) ~= address[3] then return -1 end
  for _, file in ipairs(change[2]) do
    if file[2] >= 0 and tonumber(redis.call('HGET', KEYS[file[1]], 'v') or '0') ~= file[2] then return -1 end
  end
  return 1
end

-- Lua puts at most some thousands of arguments into one call, and a file may hold more fields than that.
local function in_portions(command, key, arguments)
  for first = 1, #arguments, 1000 do
    redis.call(command, key, unpack(arguments, first, math.min(first + 999, #arguments)))
  end
end

local function write_file(file)
  local key = KEYS[file[1]]
  in_portions('HSET', key, file[3])
  in_portions('HDEL', key, file[4])
  local version = redis.call('HINCRBY', key, 'v', 1)
  if file[5] > 0 then redis.call('PEXPIRE', key, file[5])
  elseif file[5] == 0 then redis.call('PERSIST', key)
  else
    local left = redis.call('PTTL', key)
    if version == 1 or (left >= 0 and left < -file[5]) then redis.call('PEXPIRE', key, -file[5]) end
  end
end

local function write(change)
  local record, schedule, ack, waiting = change[1], change[4], change[5], change[6]
  if record and record[3] then redis.call('SET', KEYS[record[1]], record[3], 'PX', record[4])
  elseif record then redis.call('DEL', KEYS[record[1]]) end
  for _, file in ipairs(change[2]) do write_file(file) end
  for _, output in ipairs(change[3]) do redis.call('XADD', KEYS[output[1]], '*', unpack(output, 2)) end
  if schedule then
    if schedule[3] >= 0 then redis.call('ZADD', KEYS[schedule[1]], schedule[3], schedule[2])
    else redis.call('ZREM', KEYS[schedule[1]], schedule[2]) end
    if waiting then
      for _, selector in ipairs(waiting[2]) do redis.call('ZADD', KEYS[waiting[1]], 0, selector .. '\30' .. schedule[2]) end
    end
  end
  for _, put in ipairs(change[7]) do redis.call('SET', KEYS[put[1]], put[2], 'PX', put[3]) end
  if ack then
    redis.call('XACK', KEYS[ack[1]], 'gateway', ack[2])
    redis.call('XDEL', KEYS[ack[1]], ack[2])
  end
end

local function tells(change)
  return change[1] or #change[2] > 0 or #change[3] > 0 or #change[7] > 0 or change[9]
end

local news = false
for i, change in ipairs(changes) do
  answer[i] = fits(change)
  if answer[i] == 1 then
    write(change)
    news = news or tells(change)
  end
end
local written = cmsgpack.pack(answer)
answer[#changes + 1] = false
if news and batch[3] then
  answer[#changes + 1] =
    redis.call('XADD', KEYS[batch[3]], '*', 'batch', ARGV[1], 'keys', cmsgpack.pack(KEYS), 'written', written)
end
return answer
