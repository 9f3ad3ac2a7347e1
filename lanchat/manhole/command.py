"""A command at the operators' prompt, which checks its arguments and reports how it is written."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import UnionType
from typing import Any, get_args, get_type_hints

from lanchat.protocol.errors import Usage

#: What types of arguments are called in errors.
_TYPE_NAMES = {str: "a text, in quotes", int: "a number", float: "a number"}


class Command:
    """A function whose arguments are checked before it is called. Its `repr` is its help."""

    def __init__(self, call: Callable[..., Any]) -> None:
        self._call = call
        self._signature = inspect.signature(call)
        self._types = get_type_hints(call)
        kind = inspect.Parameter.VAR_KEYWORD
        #: The parameter that takes arguments of any name, as in `**changes`; "" if there is none.
        self._others = next((name for name, parameter in self._signature.parameters.items() if parameter.kind is kind), "")
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
        """The first line of its help."""
        return (self.__doc__ or "").partition("\n")[0]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function; raises `Usage` if the arguments don't fit."""
        try:
            given = self._signature.bind(*args, **kwargs).arguments
        except TypeError as error:
            raise Usage(f"Write it as {self.usage}: {error}.") from None
        for name, value in (given | given.pop(self._others, {})).items():
            types = _types_of(self._types.get(name, self._types.get(self._others)))
            if types and not isinstance(value, (*types, int) if float in types else types):
                called = " or ".join(dict.fromkeys(_TYPE_NAMES[kind] for kind in types))
                raise Usage(f"Write it as {self.usage}: {name} is {called}.")
        return self._call(*args, **kwargs)

    def __repr__(self) -> str:
        return f"{self.usage}\n{self.__doc__}"


def _types_of(wanted: Any) -> tuple[type, ...]:
    """The types that an argument may have; () for any."""
    return get_args(wanted) if isinstance(wanted, UnionType) else () if wanted is Any else (wanted,)
