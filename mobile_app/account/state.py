"""What is typed at the sign-in."""

from dataclasses import dataclass

import flet as ft


@ft.observable
@dataclass
class SignInEntry:
    number: str = ""
    password: str = ""
