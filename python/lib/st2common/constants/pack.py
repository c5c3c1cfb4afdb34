"""Names of packs and of their files."""

PACKS_PACK_NAME = "packs"
PACK_REF_WHITELIST_REGEX = r"^[a-z0-9_]+$"
PACK_NAME_WHITELIST = r"^[A-Za-z0-9_-]+"
PACK_VERSION_SEPARATOR = "="
PACK_VERSION_REGEX = r"^(?:\d+\.){2}\d+$"
ST2_VERSION_REGEX = (
    r"^((>?>|>=|=|<=|<?<)\s*[0-9]+\.[0-9]+\.[0-9]+(dev)?(\s*,)?\s*)+$"
)
NORMALIZE_PACK_VERSION = True

SYSTEM_PACK_NAME = "core"
SYSTEM_PACK_NAMES = ["chatops", "core", "default", "linux", "packs"]
CHATOPS_PACK_NAME = "chatops"
DEFAULT_PACK_NAME = "default"
USER_PACK_NAME_BLACKLIST = ["_global", "_system"]
RESERVED_PACK_LIST = USER_PACK_NAME_BLACKLIST
BASE_PACK_REQUIREMENTS = ["six>=1.9.0,<2.0"]

MANIFEST_FILE_NAME = "pack.yaml"
CONFIG_SCHEMA_FILE_NAME = "config.schema.yaml"
PACK_RESERVED_CHARACTERS = ["."]
