"""What `gateway demo` says: every job with its fate and the reason in words, sample messages, and the balance."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn
from rich.table import Table
from rich.text import Text

from channels.contract import Message
from gateway.cli.books import DEAD, DUPLICATE, SILENT, STATUSES, Account, Books, Job
from gateway.cli.portfolio import Person, Portfolio
from gateway.domain.clock import DAY, Instant, format_instant, parse_instant
from gateway.domain.receipt import Receipt
from gateway.domain.walltime import date_of, day_of, wall
from gateway.policy.hours import local
from gateway.store.deadletters import DeadLetter
from gateway.store.keys import Keys

HOST = "127.0.0.1"
ROOMY = 100
"""columns from which on there is space to spare"""
MEANINGS = {
    "delivered": "the provider says that it arrived",
    "sent": "handed over, and no report of delivery (yet)",
    "in_doubt": "nobody knows whether it left: counted, never sent again",
    "deferred": "not now; tried again by itself at the time that is named",
    "undelivered": "the provider took it and could not deliver it",
    "failed": "refused for good on every channel",
    "suppressed": "forbidden: the person said stop",
    "expired": "no lawful moment is left before its end",
    "rejected": "cannot be written: the job lacks something",
    "cancelled": "a command cancelled it",
    "presumed_sent": "no evidence within the horizon",
    DUPLICATE: "enqueued again: acknowledged, no receipt, sent once",
    DEAD: "could not be read: put aside, nothing else slowed down",
    SILENT: "not answered in time",
}
AGAIN = "the same job on the lane :bulk"
COLOURS = {"delivered": "green", "sent": "green", "in_doubt": "yellow", "deferred": "cyan", SILENT: "red"}
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def introduce(console: Console) -> None:
    console.print("[bold]Collections notification gateway, demo[/bold]")
    console.print(
        "Reminders for made-up people around the world take the real road: Redis streams, policy, templates, "
        "providers, receipts. The providers are sandboxes, so nothing leaves this machine. The last two digits of an "
        "address decide what its provider answers."
    )


def tell_place(console: Console, port: int, wished: int) -> None:
    console.print("\nThe store runs in a private folder that is removed at the end.")
    if port != wished:
        console.print(f"Port {wished} is taken, so a free one is used:")
    console.print(f"The console: http://{HOST}:{port}", soft_wrap=True)


def tell_enqueued(console: Console, keys: Keys, entries: int, portfolio: Portfolio, now: Instant) -> None:
    console.print(
        f"It is {_clock('UTC', now)} UTC: day for {portfolio.awake} of {portfolio.awake + portfolio.asleep} people, "
        f"evening, night or early morning for {portfolio.asleep}."
    )
    console.print(f"{len(portfolio.commands)} command on {keys.commands}: somebody said STOP.")
    console.print(f"{entries} entries on {keys.lanes['normal']}, its lane :high and its lane :bulk.\n")


def tell_to_stay(console: Console, port: int, people: Mapping[str, str], password: str) -> None:
    console.print(f"\n[bold]Still running, and traffic goes on.[/bold] The console: http://{HOST}:{port}")
    listed = ", ".join(f"{name} ({role})" for name, role in people.items())
    console.print(f"Sign in as {listed}; the password of all is {password}", soft_wrap=True)
    console.print("[bold]Press Ctrl-C to end.[/bold]")


@contextmanager
def passing_days(console: Console, days: int) -> Iterator[Callable[[Instant], None]]:
    """Called with the moment that a month which is played has come to."""
    console.print(f"\nThe last {days} days are played first, by a faster clock; look on if you like.")
    if not console.is_terminal or console.is_dumb_terminal:
        yield lambda at: None
        return
    columns = (SpinnerColumn(), BarColumn(24), TextColumn("{task.description}"))
    with Progress(*columns, console=console, transient=True) as bar:
        task, first = bar.add_task("", total=days), [0]

        def shown(at: Instant) -> None:
            first[0] = first[0] or at
            bar.update(task, completed=(at - first[0]) / DAY, description=format_instant(at)[:16].replace("T", " "))

        yield shown


def counted(books: Books) -> str:
    """`12 delivered, 17 deferred`"""
    counts = books.counts()
    return ", ".join(f"{counts[name]} {_words(name)}" for name in (*STATUSES, SILENT) if counts[name])


def counted_briefly(books: Books) -> str:
    """The same, to fit behind a bar."""
    counts = books.counts()
    others = counts.total() - counts["delivered"] - counts["deferred"] - counts[SILENT]
    return f"{counts['delivered']} delivered, {counts['deferred']} deferred, {others} otherwise"


def tell_jobs(console: Console, books: Books, portfolio: Portfolio, account: Account, now: Instant) -> None:
    """Every job, by status."""
    sections: dict[str, list[tuple[str, ...]]] = {}
    for job in books.jobs.values():
        sections.setdefault(job.status, []).append(_row(job, now))
    if account.duplicates:
        sections[DUPLICATE] = [(*_row(books.jobs[portfolio.again.id], now)[:-1], AGAIN)]
    rows = [row for section in sections.values() for row in section]
    heads = ("who", "where", "there", "lang", "channel", "why")
    widths = [max(map(cell_len, column)) for column in zip(heads, *rows, strict=True)]
    gap = 2 if console.width >= ROOMY else 1
    console.print()
    console.print(_table(heads, widths, gap, [], "bold"))
    for name in (*STATUSES, SILENT, DUPLICATE):
        if name in sections:
            console.print()
            style = COLOURS.get(name, "magenta")
            console.print(f"[bold {style}]{_words(name)}[/] ({len(sections[name])}): {MEANINGS[name]}", soft_wrap=True)
            console.print(_table(None, widths, gap, sections[name], ""))


def _table(
    heads: Sequence[str] | None, widths: list[int], gap: int, rows: Sequence[Sequence[str]], style: str
) -> Padding:
    """Columns as wide as their contents, the last one in what is left: tables of the same widths stand in line."""
    table = Table(
        box=None, show_header=heads is not None, header_style=style, pad_edge=False, padding=(0, gap, 0, 0), expand=True
    )
    for index, width in enumerate(widths[:-1]):
        table.add_column(heads[index] if heads else "", width=width, no_wrap=True)
    table.add_column(heads[-1] if heads else "", ratio=1, overflow="fold")
    for row in rows:
        table.add_row(*map(escape, row))
    return Padding(table, (0, 0, 0, 2))


def _row(job: Job, now: Instant) -> tuple[str, ...]:
    person = job.sample.person
    return (
        person.name,
        person.city,
        _clock(person.zone, now),
        person.locale,
        _way(job),
        _why(job, now),
    )


def _way(job: Job) -> str:
    """The channels that were tried, down to the one that it is at."""
    story = job.sample.story
    if story.strategy == "all":
        return "+".join(story.channels)
    used = next((receipt.channel for receipt in reversed(job.receipts) if receipt.channel), None)
    if used not in story.channels:
        return story.channels[0]
    return " → ".join(story.channels[: story.channels.index(used) + 1])


def _why(job: Job, now: Instant) -> str:
    """What was set up, what the receipts tell of the way, and the reason of the newest: code, rule, until."""
    receipt, said = job.newest, [job.sample.note] if job.sample.note else []
    if backed_off := sum(r.reason is not None and r.reason["code"] == "backoff" for r in job.receipts):
        said.append(f"put off {backed_off} times" if backed_off > 1 else "put off once")
    if receipt is not None and receipt.reason is not None:
        said.append(_reason(receipt, job.sample.person, now))
    return "; ".join(said)


def _reason(receipt: Receipt, person: Person, now: Instant) -> str:
    reason = receipt.reason or {}
    code, rule, message = reason["code"] or "", reason["rule"], reason["message"] or ""
    figures = [] if code == receipt.status else [code]
    if rule and rule != code:
        figures.append(f"({rule})")
        # The rest of the message is the rule's source, which is too long for a line.
        message = message.partition(f"{rule}: ")[0].rstrip(": ")
    if reason["until"]:
        figures.append(f"until {_moment(person, parse_instant(reason['until']), now)}")
    parts = [message, " ".join(figures)] if receipt.status == "expired" else [" ".join(figures), message]
    return ": ".join(filter(None, parts))


def _moment(person: Person, at: Instant, now: Instant) -> str:
    """A time on the person's clock, with its date unless it is within a week."""
    if at - now < 6 * DAY:
        return _clock(person.zone, at)
    return f"{date_of(day_of(person.zone, at)).isoformat()} {local(person.zone, at)[1][:5]}"


def _clock(zone: str, at: Instant) -> str:
    """`Tue 23:01`"""
    return f"{WEEKDAYS[date_of(wall(zone, at) // DAY).weekday()]} {local(zone, at)[1][:5]}"


def tell_messages(console: Console, messages: Sequence[Message]) -> None:
    for message in messages:
        console.print(f"\n[bold]{message.channel} in {message.locale}[/bold], as it reached its provider:")
        text = message.text if message.title is None else f"{message.title}\n{message.text}"
        console.print(Padding(Text(text), (0, 0, 0, 2)))


def tell_letters(console: Console, letters: Sequence[DeadLetter], strangers: Sequence[Receipt]) -> None:
    for letter in letters:
        console.print(f"\n[bold]Dead letter[/bold] from {letter.stream}: {escape(letter.error)}")
    for receipt in strangers:
        code = receipt.reason["code"] if receipt.reason else None
        console.print(f"  Whoever sent it got the receipt {receipt.id}: {_words(receipt.status)}, {code}.")


def tell_balance(console: Console, books: Books, account: Account, seconds: float) -> bool:
    """Counts by status; whether all that was enqueued is accounted for."""
    counts = books.counts() + Counter({DUPLICATE: account.duplicates, DEAD: account.dead})
    console.print("\n[bold]The books[/bold]")
    listed = [(name, counts[name]) for name in (*STATUSES, DUPLICATE, DEAD, SILENT) if counts[name]]
    for name, count in listed:
        console.print(f"{count:5}  {_words(name):12} {MEANINGS[name]}", soft_wrap=True)
    console.print(f"{account.total(books):5}  accounted for, of {account.enqueued} enqueued in {seconds:.1f} s")
    held = ", ".join(f"{count} {channel}" for channel, count in account.messages.items())
    console.print(f"Messages at the providers: {held}; the receipts tell of {books.sends()} sends.")
    mistakes = account.mistakes(books)
    if mistakes:
        for sentence in mistakes:
            console.print(f"[bold red]{sentence}[/]")
        return False
    parts = " + ".join(f"{count} {_words(name)}" for name, count in listed)
    line = f"[bold green]The books balance:[/] {account.enqueued} enqueued = {parts}"
    console.print(line, soft_wrap=not console.is_terminal)
    return True


def tell_how_to_go_on(console: Console) -> None:
    console.print("\n[bold]How to go on[/bold] (README.md tells more)")
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for command, text in (
        ("gateway preview overdue_reminder --locale zh-CN", "a message, its segments"),
        ("gateway check --config yours.yaml", "every mistake at once"),
        ("gateway run --config yours.yaml", "the service itself"),
        ("gateway send --config yours.yaml job.json", "a job of yours"),
        ("gateway dead list --config yours.yaml", "what could not be read"),
    ):
        table.add_row(command, text)
    console.print(Padding(table, (0, 0, 0, 2), expand=False))


def _words(status: str) -> str:
    return status.replace("_", " ")
