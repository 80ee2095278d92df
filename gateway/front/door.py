"""Joins the API: its routes, its keys, and what stands behind them."""

from gateway.config import Config
from gateway.domain.clock import Clock
from gateway.front.behind import Behind
from gateway.front.deeds import HouseDeeds
from gateway.front.intake import Lookups, StoreIntake
from gateway.front.views import LedgerViews
from gateway.web.api import deeds, documents, reminders, views
from gateway.web.api.principal import ApiKey, ConfiguredKeys
from gateway.web.api.server import Api
from gateway.web.api.stream import Stream


def api(config: Config, behind: Behind, clock: Clock) -> Api:
    """The API of a configuration."""
    intake, seen = StoreIntake(behind), LedgerViews(behind, clock)
    keys = ConfiguredKeys(
        ApiKey(id=key.id, sha256=key.sha256, roles=key.roles, tenants=key.tenants) for key in config.web.keys
    )
    routes = [
        *documents.routes(intake), *reminders.routes(Lookups(behind, clock)), *views.routes(seen),
        *deeds.routes(HouseDeeds(behind, clock), seen),
    ]  # fmt: skip
    return Api(routes, keys, intake, clock, Stream(seen))
