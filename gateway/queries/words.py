"""The words of reasons in every language of the house, for commands and pages: one table for each language.

`{…}` are filled in by `sentences` and `telling`. A key with a colon (`channel:sms`) is how people say a word of the
policy language or the contract; one that a table does not have (or a state of somebody's own) is shown as it is.
"""

from collections.abc import Mapping
from typing import Literal, get_args

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = get_args(Language)

EN: Mapping[str, str] = {
    # How things are joined.
    "and": ", ", "then": "; ", "local": "{utc} ({walls})", "wall": "{wall} {zone}", "more_zones": "{count} more zones",
    "rule": "{pack}  {rule} ({force}, {status}) {verdict}: {sentence}. Source: {source}",
    "blocks": "blocks", "passes": "lets it through", "warns": "warns only", "unweighed": "cannot be weighed again",
    # The answer, and what is around it.
    "job": "{job} (tenant {tenant}, recipient {recipient})",
    "track": "{channels}: {state}", "because": ", because of {rules}",
    "waiting": "waits until {until}: {code}", "waiting.paused": "waits until somebody lets it go on: {code}",
    "ready": "is about to be judged again", "open": "is being handed over to {provider}",
    "sent": "accepted by {provider} at {at}, and no report of delivery yet",
    "in_doubt": "handed over to {provider} at {at}, outcome unknown: counted, and never sent again",
    "presumed": "counted as sent at {at}, unconfirmed", "ended": "over",
    "ended.sent": "accepted by {provider} at {at}, which reports no delivery",
    "ended.not_sent": "over without being sent: suppressed, expired, cancelled or rejected, as its last receipt says",
    "by_rules": "not sent: {rules}",
    "heading.fate": "What became of it", "accepted": "taken on {at}",
    "receipt": "{id} {status} {at}{details}", "reason": ": {words}{until}",
    "receipts.some": "{count} of its {told} receipts are still at hand",
    "attempt": "attempt {number}: {channel} through {provider} at {at}{message}, judged by {policy}",
    "message": ", message id {id}", "heading.look": "Why: the rules when they were last asked, {at}",
    "no_look": "The rules were never asked: it came to no judgement.",
    "judged_by": "judged by {policy}; zone data {tzdata}", "no_packs": "no pack",
    "place": "time zones {zones} ({zone_evidence}); jurisdictions {jurisdictions} ({jurisdiction_evidence})",
    "nowhere": "unknown", "missing_packs": "the texts of {packs} are not at hand, so their rules are not listed",
    "channel": "{channel}{address}: {decision}{rules}", "address": " to address {digest}…",
    "decision.allow": "allowed", "decision.defer": "not before {until}", "decision.deny": "not allowed",
    "rules": ", blocked by {rules}", "disagrees": "What is rebuilt says otherwise ({decision}{rules}): the facts have "
    "changed since, or the text of the message was decisive. The recorded decision and its rules are what held; the "
    "figures below are as of now.",
    "unconcerned": "rules of these packs that did not concern it:",
    "heading.now": "If it were judged now, {at}, by the policy in force ({policy})",
    "next": "it is tried next at {until}", "next.unknown": "it is tried next when somebody lets it go on",
    # The rule kinds: what blocks, what lets through.
    "window.blocks": "{time} in {zone} on {date} lies outside {hours}{holiday}; opens {until}",
    "window.passes": "{time} in {zone} on {date} lies within {hours}{holiday}",
    "window.never": "{time} in {zone} on {date} lies outside {hours}{holiday}, and it does not open within 65 days",
    "window.closed": "the hours of that date (none)", "window.holiday": " (a holiday)",
    "cap.blocks": "{counted} of {max} contacts in {within} are used: {contacts}; the next one is free {until}",
    "cap.passes": "{counted} of {max} contacts in {within} are used{contacts}",
    "cap.never": "at most {max} contacts in {within} are allowed, and none is free within 65 days: {contacts}",
    "cooloff.blocks": "silence for {within} after {contacts}; it is over {until}",
    "cooloff.passes": "no contact that asks for silence within {within}",
    "cooloff.never": "silence for {within} after {contacts}, which is not over within 65 days",
    "spacing.blocks": "less than {within} have passed since {contacts}; free {until}",
    "spacing.passes": "no contact within the last {within}",
    "spacing.never": "less than {within} have passed since {contacts}, and that is not over within 65 days",
    "channel_lock.blocks": "in this {within} the channel is {channel}, by its first contact {contacts}; free {until}",
    "channel_lock.passes": "no other channel holds this {within}{contacts}",
    "channel_lock.never": "in this {within} the channel is {channel}, and that is not over within 65 days",
    "stop.blocks": "the person's state is {states}; it ends {until}",
    "stop.passes": "no state that it names holds",
    "stop.never": "the person's state is {states}, for ever unless it is lifted",
    "stop.explicit": "{name}: the person's own word forbids it ({state}); it needs no rule",
    "require.blocks": "{required} is there and not good yet ({found}); good from {until}",
    "require.passes": "{required} is there ({found})",
    "require.never": "{required} is missing{found}",
    "require.spans": "good {spans}", "require.stale": ", or too old ({found})",
    "blackout.blocks": "inside a time without contact{named}; it ends {until}",
    "blackout.passes": "outside every time without contact",
    "blackout.never": "inside a time without contact{named} that does not end within 65 days",
    "content.blocks": "the message breaks it: {faults}", "content.never": "the message breaks it: {faults}",
    "content.passes": "nothing in the message breaks it",
    "content.unkept": "the text of the message is not kept; {recorded}",
    "content.recorded": "it is among the rules that blocked",
    "content.silent": "it is not among the rules that blocked",
    "content.missing": "lacks {words}", "content.forbidden": "says {words}", "content.betrays_debt": "shows {words}",
    "zone": "nobody knows the person's time zone, so no moment is known to be lawful",
    # Facts.
    "contact": "{channel} {event} {at}{account}", "account": " (account {account})", "listed": ": {contacts}",
    "state": "{state}{span}", "span": " from {since} until {until}", "since": " since {since}",
    "until": " until {until}", "ever": "ever", "forever": "for ever", "from_until": "from {since} until {until}",
    "within:rolling": "{size} (rolling)", "within:days": "{size} local dates", "within:day": "a calendar day",
    "within:week": "week (from {start})", "within:month": "a calendar month",
    # Why a rule was not concerned.
    "other_channel": "is about {named}", "other_purpose": "is about the purpose {named}",
    "exempt_purpose": "exempts the purpose {named}", "other_role": "is about contact by {named}",
    "waived": "is waived by the flag {named}", "other_account": "is about other accounts ({named})",
    "not_yet": "is not in force before {named}", "no_longer": "is no longer in force since {named}",
    # Whence the place is known.
    "told": "told by the job", "by:phone": "inferred from the phone number", "by:jurisdiction":
    "inferred from the jurisdiction: every zone of the country", "by:default": "the configured default",
    "by:phone and jurisdiction": "inferred from the phone number and the jurisdiction, which differ",
    "by:phone and time zone": "inferred from the phone number and the time zone, which differ",
    "by:default and time zone": "inferred from the configured default and the time zone, which differ",
    # Words of others, as they are used: only those that are not English already.
    "force:self-regulation": "self-regulation", "channel:messenger": "messenger",
    "event:not_connected": "not connected", "event:made": "made", "state:opted_out": "opted out",
}  # fmt: skip

ZH: Mapping[str, str] = {
    "and": "、", "then": "；", "local": "{utc}（{walls}）", "wall": "{zone} 当地 {wall}",
    "more_zones": "另有 {count} 个时区",
    "rule": "{pack}  {rule}（{force}，{status}）{verdict}：{sentence}。依据：{source}",
    "blocks": "拦截", "passes": "放行", "warns": "仅提示", "unweighed": "无法复核",
    "job": "{job}（租户 {tenant}，当事人 {recipient}）",
    "track": "{channels}：{state}", "because": "，依据规则 {rules}",
    "waiting": "暂缓至 {until}：{code}", "waiting.paused": "暂缓，等待人工恢复：{code}",
    "ready": "即将重新判定", "open": "正在提交 {provider}",
    "sent": "{provider} 已于 {at} 受理，尚无送达回执",
    "in_doubt": "已于 {at} 提交 {provider}，结果待核实：计入联系次数，不再重发",
    "presumed": "{at} 按已发送计，未确认", "ended": "已结束",
    "ended.sent": "{provider} 已于 {at} 受理，该服务商不提供送达回执",
    "ended.not_sent": "未发送即已结束（规则拦截、过期、取消或拒收，以最后一份回执为准）",
    "by_rules": "未发送：规则拦截（{rules}）",
    "heading.fate": "处理经过", "accepted": "{at} 受理任务",
    "receipt": "{id} {status} {at}{details}", "reason": "：{words}{until}",
    "receipts.some": "共 {told} 份回执，现可查 {count} 份",
    "attempt": "第 {number} 次尝试：{channel}，经 {provider}，{at}{message}，判定依据 {policy}",
    "message": "，消息编号 {id}", "heading.look": "判定理由：最近一次判定于 {at}",
    "no_look": "尚未经过规则判定。",
    "judged_by": "规则版本 {policy}；时区数据 {tzdata}", "no_packs": "无规则包",
    "place": "时区 {zones}（{zone_evidence}）；法域 {jurisdictions}（{jurisdiction_evidence}）",
    "nowhere": "未知", "missing_packs": "规则包 {packs} 的文本已无法取得，其规则未列出",
    "channel": "{channel}{address}：{decision}{rules}", "address": "（地址摘要 {digest}…）",
    "decision.allow": "允许联系", "decision.defer": "暂缓至 {until}", "decision.deny": "不得联系",
    "rules": "，拦截规则：{rules}", "disagrees": "按现有事实复核的结论不同（{decision}{rules}）：事实此后已有变动，"
    "或当时由消息正文决定。以当时记录的结论和规则为准；以下数据为目前情况。",
    "unconcerned": "上述规则包中不适用于本次联系的规则：",
    "heading.now": "如按现行规则（{policy}）于 {at} 重新判定",
    "next": "下次尝试时间 {until}", "next.unknown": "待人工恢复后再尝试",
    "code:quiet_hours": "免打扰时段", "code:holiday": "节假日", "code:limit": "联系频次上限",
    "code:not_before": "未到约定时间", "code:backoff": "稍后重试", "code:provider_down": "服务商不可用",
    "code:paused": "已暂停", "code:opted_out": "已退订", "code:stopped": "停止联系", "code:no_consent": "缺少同意",
    "code:content": "内容不合规", "code:in_doubt": "结果待核实", "code:refused": "被拒绝", "code:undelivered": "未送达",
    "code:no_evidence": "无回执", "code:cancelled": "已取消", "code:expired": "已过期", "code:no_address": "无可用地址",
    "status:deferred": "暂缓", "status:sent": "服务商已受理", "status:delivered": "已送达",
    "status:undelivered": "未送达", "status:failed": "发送失败", "status:suppressed": "规则拦截",
    "status:expired": "已过期", "status:cancelled": "已取消", "status:rejected": "拒收",
    "status:in_doubt": "结果待核实", "status:presumed_sent": "按已发送计，未确认",
    "window.blocks": "{zone} 当地时间 {date} {time}，不在允许时段 {hours}{holiday} 之内；最早可联系时间：{until}",
    "window.passes": "{zone} 当地时间 {date} {time}，在允许时段 {hours}{holiday} 之内",
    "window.never": "{zone} 当地时间 {date} {time}，不在允许时段 {hours}{holiday} 之内，且 65 天内均无允许时段",
    "window.closed": "（当日不得联系）", "window.holiday": "（节假日）",
    "cap.blocks": "{within}内的联系次数上限为 {max} 次，已用 {counted} 次：{contacts}；最早释放时间：{until}",
    "cap.passes": "{within}内的联系次数上限为 {max} 次，已用 {counted} 次{contacts}",
    "cap.never": "{within}内的联系次数上限为 {max} 次，65 天内不会释放：{contacts}",
    "cooloff.blocks": "自{contacts}起须静默 {within}；静默期结束时间：{until}",
    "cooloff.passes": "{within}内没有触发静默期的联系",
    "cooloff.never": "自{contacts}起须静默 {within}，65 天内不会结束",
    "spacing.blocks": "距{contacts}不足 {within}；最早可联系时间：{until}",
    "spacing.passes": "最近 {within}内没有联系",
    "spacing.never": "距{contacts}不足 {within}，65 天内不会结束",
    "channel_lock.blocks": "{within}内首次联系使用了{channel}（{contacts}），其他渠道停用；最早可联系时间：{until}",
    "channel_lock.passes": "{within}内没有被其他渠道锁定{contacts}",
    "channel_lock.never": "{within}内首次联系使用了{channel}，其他渠道停用，65 天内不会解除",
    "stop.blocks": "当事人处于“{states}”状态；该状态结束时间：{until}",
    "stop.passes": "当事人没有该规则所列的停止联系状态",
    "stop.never": "当事人处于“{states}”状态，未解除前一律不得联系",
    "stop.explicit": "{name}：当事人已明确要求停止（{state}），无需规则即生效",
    "require.blocks": "已有“{required}”，但尚未满足期限（{found}）；最早满足时间：{until}",
    "require.passes": "已有“{required}”（{found}）",
    "require.never": "缺少“{required}”{found}",
    "require.spans": "有效期：{spans}", "require.stale": "，或已失效（{found}）",
    "blackout.blocks": "处于禁止联系期间{named}；结束时间：{until}",
    "blackout.passes": "不在任何禁止联系期间",
    "blackout.never": "处于禁止联系期间{named}，65 天内不会结束",
    "content.blocks": "消息内容不合规：{faults}", "content.never": "消息内容不合规：{faults}",
    "content.passes": "消息内容合规",
    "content.unkept": "消息正文不予留存；{recorded}",
    "content.recorded": "当时为拦截规则之一", "content.silent": "当时不在拦截规则之列",
    "content.missing": "缺少 {words}", "content.forbidden": "含有 {words}", "content.betrays_debt": "显示了 {words}",
    "zone": "无法确定当事人所在时区，因此没有可以确认合法的时刻",
    "contact": "{channel}{event} {at}{account}", "account": "（账户 {account}）", "listed": "：{contacts}",
    "state": "{state}{span}", "span": "（{since} 起，至 {until}）", "since": "（{since} 起）",
    "until": "（至 {until}）", "ever": "始终", "forever": "长期有效", "from_until": "{since} 起至 {until}",
    "within:rolling": "任意连续 {size}", "within:days": "{size} 个自然日", "within:day": "同一自然日",
    "within:week": "同一周（{start}起算）", "within:month": "同一自然月",
    "other_channel": "仅适用于{named}", "other_purpose": "仅适用于用途：{named}",
    "exempt_purpose": "不适用于用途：{named}", "other_role": "仅适用于{named}的联系",
    "waived": "因标记 {named} 而豁免", "other_account": "仅适用于其他账户（{named}）",
    "not_yet": "自 {named} 起生效，当时尚未生效", "no_longer": "自 {named} 起失效",
    "told": "任务中已注明", "by:phone": "根据电话号码推断", "by:jurisdiction": "根据法域推断：该国所有时区",
    "by:default": "采用默认配置", "by:phone and jurisdiction": "电话号码与法域不一致，两者均予适用",
    "by:phone and time zone": "电话号码与时区不一致，两者均予适用",
    "by:default and time zone": "默认配置与时区不一致，两者均予适用",
    "force:statute": "法律法规", "force:guidance": "监管指引", "force:self-regulation": "行业自律",
    "force:provider": "服务商要求", "force:house": "内部规定",
    "status:verified": "已核实", "status:secondary": "二手来源", "status:unverified": "未核实",
    "channel:sms": "短信", "channel:email": "邮件", "channel:push": "推送", "channel:call": "电话",
    "channel:letter": "信函", "channel:visit": "上门", "channel:messenger": "即时通讯",
    "event:sent": "已发送", "event:delivered": "已送达", "event:undelivered": "未送达", "event:unanswered": "无人接听",
    "event:voicemail": "转入语音信箱", "event:answered": "已接听", "event:conversation": "已通话",
    "event:not_connected": "未接通", "event:made": "已完成",
    "state:opted_out": "已退订", "state:cease": "要求停止联系", "state:attorney": "已委托律师",
    "state:bankruptcy": "破产程序", "state:deceased": "已故", "state:dispute": "债务争议",
    "state:moratorium": "暂缓追收", "state:paid": "已结清",
    "purpose:collection": "催收", "purpose:servicing": "账户服务", "purpose:legal": "法律通知",
    "purpose:transactional": "交易通知",
    "role:creditor": "债权人", "role:agency": "受托催收机构", "role:buyer": "债权受让方",
    "notice:opt_out": "退订方式", "notice:sender": "债权人名称", "notice:contact": "联系电话",
    "notice:debt_collector": "催收机构身份声明",
    "day:mon": "周一", "day:tue": "周二", "day:wed": "周三", "day:thu": "周四", "day:fri": "周五", "day:sat": "周六",
    "day:sun": "周日", "unit:d": "天", "unit:h": "小时", "unit:min": "分钟", "unit:s": "秒",
}  # fmt: skip

TABLES: Mapping[Language, Mapping[str, str]] = {"en": EN, "zh": ZH}


def say(language: Language, key: str, **given: object) -> str:
    """The words of a key, filled in."""
    return TABLES[language][key].format(**given)


def term(language: Language, sort: str, word: str) -> str:
    """A word of the policy language or the contract, as people say it; unknown ones as they are."""
    return TABLES[language].get(f"{sort}:{word}", word)


def listed(language: Language, sort: str, words: tuple[str, ...]) -> str:
    return say(language, "and").join(term(language, sort, word) for word in words)
