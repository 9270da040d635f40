"""SMS of a cloud that sends approved templates only: what Aliyun and Tencent have in common."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import Field

from secmon.adapters.notify.exchange import refused
from secmon.adapters.notify.fitting import fit_signs
from secmon.adapters.notify.phones import PLACES, Phone, filled, reach, unknown_places, values
from secmon.adapters.notify.recipients import Recipient, Round, joined
from secmon.api import Delivery, Never
from secmon.settings import Section
from secmon.settings.values import SomeText

PLENTY = 1000


class CloudOptions(Section):
    """The keys of both. `credentials`: username is the key's id, password the key's secret."""

    credentials: SomeText
    sign: SomeText  # 签名, as approved
    template: SomeText  # id of the approved template
    longest: Annotated[int, Field(ge=4, le=500)] = 35  # characters of one variable
    to: list[Phone] = Field(default_factory=list)  # for notices that are meant for nobody by name


def check_places(template: str) -> None:
    """ValueError for a `{name}` that means nothing."""
    wrong = unknown_places(template, PLACES)
    if wrong:
        raise ValueError(
            f"expected {{title}}, {{device}}, {{number}}, {{token}} … (got {wrong[0]})"
        )


@dataclass(frozen=True, slots=True)
class Cloud:
    """The notifier (api.Joiner). `submit(numbers, variables, delivery)` sends one SMS."""

    submit: Callable[[str, Sequence[str], Delivery], Awaitable[None]]
    variables: Sequence[str]  # templates of what is filled in, in order
    longest_variable: int
    listed: list[str]
    round: Round = field(default_factory=Round)
    longest: int = 600

    def room(self) -> tuple[int, float]:
        return PLENTY, 0.0

    async def send(self, delivery: Delivery, text: str) -> None:
        """Told when the cloud took it for every person."""
        people, unreachable = reach(delivery, self.listed)

        async def send(one: Recipient) -> None:
            known = values(delivery, text, one)
            cut = [self._cut(template, filled(template, known)) for template in self.variables]
            await self.submit(one.address, cut, delivery)

        await self.round.tell(delivery.key, people, unreachable, send)

    async def send_many(self, deliveries: Sequence[Delivery], text: str) -> None:
        await self.send(joined(deliveries), text.partition("\n")[0])

    def _cut(self, template: str, value: str) -> str:
        """Half a token opens nothing: it is never cut."""
        whole = "{token}" in template or "{link}" in template
        return value if whole else fit_signs(value, "", self.longest_variable)


def judged(
    place: str, said: tuple[str, str], *, good: str, later: Sequence[str], tries: int
) -> None:
    """Raises unless `said`, a code and words, is good; what begins as one of `later` may pass."""
    code, words = said
    if code == good:
        return
    text = f"{place}: expected {good} (got {code or 'no code'}: {words})"
    if not code or code.startswith(tuple(later)):
        raise refused(text, tries)
    raise Never(text)
