"""Joins the API: its routes, its keys, and what stands behind them."""

from gateway.books import where_of
from gateway.config import Config
from gateway.domain.clock import Clock
from gateway.front.access import HouseAccess, HouseKeys
from gateway.front.behind import Behind
from gateway.front.deeds import HouseDeeds
from gateway.front.desk import HouseDesk
from gateway.front.drafts import HouseDrafts
from gateway.front.evidence import HouseBundles
from gateway.front.intake import Lookups, StoreIntake
from gateway.front.oidc import Issuer
from gateway.front.policies import HousePolicies
from gateway.front.signin import IssuersDoor
from gateway.front.texts import CatalogTexts
from gateway.front.views import LedgerViews
from gateway.front.why import HouseWhy
from gateway.rendering.catalog import Catalog
from gateway.web.api import access, deeds, desk, documents, drafts, evidence, policies, reminders, texts, views, why
from gateway.web.api.principal import ApiKey, ConfiguredKeys
from gateway.web.api.server import Api
from gateway.web.api.stream import Stream
from gateway.web.signin import SignInPages


def doors(config: Config, words: Catalog, behind: Behind, clock: Clock) -> tuple[Api, SignInPages | None]:
    """The API of a configuration, and the pages of its provider's sign-in where there is one."""
    oidc = config.web.oidc
    issuer = None if oidc is None else Issuer(oidc, clock)
    pages = None if issuer is None else _pages(config, issuer, behind, clock)
    return api(config, words, behind, clock, issuer), pages


def _pages(config: Config, issuer: Issuer, behind: Behind, clock: Clock) -> SignInPages | None:
    client, sessions = issuer.settings.sign_in, HouseAccess(ConfiguredKeys([]), behind, clock)
    if client is None or config.web.public_url is None:
        return None
    return SignInPages(
        IssuersDoor(issuer, client), sessions, clock, issuer=issuer.settings.issuer, client=client.client_id,
        scopes=client.scopes, longest=client.session, public_url=config.web.public_url, secrets=config.web.secrets,
    )  # fmt: skip


def api(config: Config, words: Catalog, behind: Behind, clock: Clock, issuer: Issuer | None = None) -> Api:
    """The API of a configuration; `issuer` is the provider whose tokens are believed."""
    intake, seen = StoreIntake(behind), LedgerViews(behind, clock)
    configured = ConfiguredKeys(
        ApiKey(id=key.id, sha256=key.sha256, roles=key.roles, tenants=key.tenants) for key in config.web.keys
    )
    law = HousePolicies(behind, clock, where_of(config), config.policies, config.web.cool_off)
    secure = (config.web.public_url or "").startswith("https:")
    organisation = issuer is not None and issuer.settings.sign_in is not None
    routes = [
        *documents.routes(intake), *reminders.routes(Lookups(behind, clock)), *views.routes(seen),
        *why.routes(HouseWhy(behind, clock, config, words)), *deeds.routes(HouseDeeds(behind, clock), seen),
        *access.routes(HouseAccess(configured, behind, clock), secure=secure, organisation=organisation),
        *policies.routes(law), *drafts.routes(HouseDrafts(law)),
        *desk.routes(HouseDesk(behind, clock, config.horizons.receipts)), *texts.routes(CatalogTexts(words)),
        *evidence.routes(HouseBundles(behind, clock)),
    ]  # fmt: skip
    return Api(routes, HouseKeys(configured, behind, clock, vouched=organisation), intake, clock, Stream(seen), issuer)
