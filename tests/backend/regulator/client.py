"""A regulator's program with its client credentials."""

from typing import Any

from litestar.testing import AsyncTestClient
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts import service as accounts
from tests.factories.accounts import Company

ALL = ("T2-02", "T2-04", "T2-05", "T2-07", "T2-08", "T2-10", "T2-11", "T2-14", "T2-20")


class Regulator:
    def __init__(self, client: AsyncTestClient[Any], headers: dict[str, str]) -> None:
        self.client, self.headers = client, headers

    async def read(self, dataset: str, **params: Any) -> Any:
        url = f"/api/regulator/datasets/{dataset}"
        answer = await self.client.get(url, headers=self.headers, params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()


async def regulator(
    client: AsyncTestClient[Any], session: AsyncSession, company: Company, *, datasets: tuple[str, ...] = ALL
) -> Regulator:
    """A program of the province's office that signs in with its client credentials."""
    made = await accounts.create_client(
        session, None, name="县监管平台", organisation_id=company.province.id, datasets=datasets
    )
    answer = await client.post(
        "/api/oauth/token",
        data={"grant_type": "client_credentials"},
        auth=(made.client_id, made.client_secret),
    )
    assert answer.status_code == 200, answer.text
    return Regulator(client, {"Authorization": f"Bearer {answer.json()['access_token']}"})
