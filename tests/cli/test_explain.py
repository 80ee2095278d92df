"""What the command says where there is nothing to explain; what it explains is in the stories."""

from tests.cli.conftest import House, Terminal


def test_a_job_must_be_named_and_the_language_known(gateway: Terminal, house: House) -> None:
    assert gateway("explain", "--config", house.config).status == 2
    assert gateway("explain", "job").status == 2
    assert gateway("explain", "--config", house.config, "job", "--language", "tlh").status == 2


def test_a_job_that_nobody_knows_is_one_line(gateway: Terminal, house: House) -> None:
    for extra in ([], ["--json"], ["--language", "zh"], ["--tenant", "t", "--recipient", "r"]):
        told = gateway("explain", "--config", house.config, "job", *extra)
        assert (told.status, told.out, len(told.complaints)) == (1, "", 1)
        assert told.err.startswith("job: no such job is known")


def test_a_record_that_cannot_be_read_is_one_line(gateway: Terminal, house: House) -> None:
    house.ask("SET", "t:job:default/p/job", "{")
    told = gateway("explain", "--config", house.config, "job")
    assert (told.status, told.out, len(told.complaints)) == (1, "", 1)
    assert "the record cannot be read" in told.err


def test_a_job_of_a_tenant_is_found_among_those_of_others(gateway: Terminal, house: House) -> None:
    record = '{"entry":"1-0","accepted":1764000000000,"tracks":[{"channels":["sms"],"state":"ended"}],"doc":null}'
    for tenant in ("t1", "t2"):
        house.ask("SET", f"t:job:{tenant}/p/job", record)
    assert gateway("explain", "--config", house.config, "job").out.count("(tenant t") == 2
    told = gateway("explain", "--config", house.config, "job", "--tenant", "t2")
    assert (told.status, told.err) == (0, "")
    assert told.out.splitlines()[0] == "job (tenant t2, recipient p)"
    assert "sms: over without being sent" in told.out
    assert "came to no judgement" in told.out
