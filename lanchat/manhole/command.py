"""Verb: one thing that an operator can say, which knows how it is written, and says so when it was written otherwise."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import UnionType
from typing import Any, get_args, get_type_hints

from lanchat.protocol.errors import Usage

#: What the types of arguments are called.
_CALLED = {str: "a text, in quotes", int: "a number", float: "a number"}


class Verb:
    """A function whose arguments are looked at before it is called. By itself it prints how it is used."""

    def __init__(self, call: Callable[..., Any]) -> None:
        self._call = call
        self._signature = inspect.signature(call)
        self._types = get_type_hints(call)
        self.__name__ = call.__name__
        self.__doc__ = inspect.getdoc(call)

    @property
    def usage(self) -> str:
        """How it is written: `kick(whom, why='')`."""
        empty = inspect.Parameter.empty
        parameters = [parameter.replace(annotation=empty) for parameter in self._signature.parameters.values()]
        return f"{self.__name__}{inspect.Signature(parameters)}"

    @property
    def summary(self) -> str:
        """The first line of what it does."""
        return (self.__doc__ or "").partition("\n")[0]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Do it; raises `Usage` when the arguments are not what it takes."""
        try:
            given = self._signature.bind(*args, **kwargs).arguments
        except TypeError as error:
            raise Usage(f"Write it as {self.usage}: {error}.") from None
        for name, value in given.items():
            kinds = _kinds(self._types[name])
            if kinds and not isinstance(value, (*kinds, int) if float in kinds else kinds):
                called = " or ".join(dict.fromkeys(_CALLED[kind] for kind in kinds))
                raise Usage(f"Write it as {self.usage}: {name} is {called}.")
        return self._call(*args, **kwargs)

    def __repr__(self) -> str:
        return f"{self.usage}\n{self.__doc__}"


def _kinds(wanted: Any) -> tuple[type, ...]:
    """The types that an argument may have; none is any."""
    return get_args(wanted) if isinstance(wanted, UnionType) else () if wanted is Any else (wanted,)
