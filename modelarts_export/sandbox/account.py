"""The account: its region, its projects and its users."""

from dataclasses import dataclass, field

REGION = "eu-de"
"""The region of the sandbox; a project has its name, as in every region (API.md, section 7)."""
_DOMAIN_ID = "d0a1d0a1d0a1d0a1d0a1d0a1d0a1d0a1"


@dataclass(frozen=True, kw_only=True)
class Project:
    """A project of the account, below another project or, without a `parent_id`, below the account."""

    project_id: str
    name: str
    parent_id: str = _DOMAIN_ID

    def to_dict(self, base_url: str) -> dict[str, object]:
        """Return the project in IAM's form (API.md, section 7)."""
        return {
            "id": self.project_id,
            "name": self.name,
            "domain_id": _DOMAIN_ID,
            "parent_id": self.parent_id,
            "enabled": True,
            "is_domain": False,
            "description": "",
            "links": {"self": f"{base_url}/v3/projects/{self.project_id}"},
        }


PROJECT = Project(project_id="5a4d0b0c5a4d0b0c5a4d0b0c5a4d0b0c", name=REGION)
"""The project of the datasets and of every token."""
OBS_PROJECT = Project(project_id="0b500b500b500b500b500b500b500b50", name="MOS")
"""The built-in project of OBS, which every account has."""
SUB_PROJECT = Project(
    project_id="5b4d0b0c5b4d0b0c5b4d0b0c5b4d0b0c", name=f"{REGION}_sandbox", parent_id=PROJECT.project_id
)
"""A project of the account that its users have no access to."""
PROJECTS = (OBS_PROJECT, SUB_PROJECT, PROJECT)
ACCESSIBLE_PROJECTS = (OBS_PROJECT, PROJECT)


@dataclass(frozen=True, kw_only=True)
class User:
    """A user of the account; with a `passcode`, a password alone is not enough.

    A real passcode, of a virtual MFA device, changes twice a minute; this one does not.
    """

    user_id: str
    user_name: str
    password: str = field(repr=False)
    passcode: str | None = field(default=None, repr=False)
    domain_id: str = _DOMAIN_ID
    domain_name: str = "sandbox-domain"
    project_id: str = PROJECT.project_id
    project_name: str = PROJECT.name

    def to_dict(self) -> dict[str, object]:
        """Return the user as a token describes it (API.md, section 6.4)."""
        return {"id": self.user_id, "name": self.user_name, "domain": self.describe_domain()}

    def describe_domain(self) -> dict[str, object]:
        """Return the account as a token describes it."""
        return {"id": self.domain_id, "name": self.domain_name}
