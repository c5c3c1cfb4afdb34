"""Where packs lie."""

import os

__all__ = [
    "get_packs_base_paths",
    "get_packs_base_path",
    "get_system_packs_base_path",
    "get_pack_base_path",
    "get_pack_directory",
    "get_pack_file_abs_path",
    "get_pack_resource_file_abs_path",
    "get_entry_point_abs_path",
    "check_pack_directory_exists",
    "check_pack_content_directory_exists",
]

# The runner says where: directories that hold packs, the installed ones first.
_VARIABLE = "SQUALL_PACKS_PATHS"


def get_packs_base_paths():
    """Return the directories that hold packs."""
    paths = [path for path in os.environ.get(_VARIABLE, "").split(os.pathsep) if path]
    return paths or ["/opt/stackstorm/packs"]


def get_packs_base_path():
    """Return the directory of installed packs."""
    return get_packs_base_paths()[0]


def get_system_packs_base_path():
    """Return the directory of the built-in packs."""
    return get_packs_base_paths()[-1]


def get_pack_base_path(pack_name, include_trailing_slash=False, use_pack_cache=False):
    """Return the directory of a pack; of one that is not there, where it would be."""
    if not pack_name:
        return None
    del use_pack_cache
    paths = [os.path.join(base, pack_name) for base in get_packs_base_paths()]
    path = next((p for p in paths if os.path.isdir(p)), paths[0])
    return path + os.path.sep if include_trailing_slash else path


def get_pack_directory(pack_name):
    """Return the directory of a pack, None when it is not there."""
    path = get_pack_base_path(pack_name)
    return path if path and os.path.isdir(path) else None


def get_pack_file_abs_path(pack_ref, file_path, resource_type=None, use_pack_cache=False):
    """Return the path of a pack's file; a ValueError when it leads out of the pack."""
    del use_pack_cache
    base = os.path.realpath(get_pack_base_path(pack_ref))
    parts = [base]
    if resource_type is not None:
        parts.append(resource_type if resource_type.endswith("s") else resource_type + "s")
    path = os.path.realpath(os.path.join(*parts, file_path))
    if path != base and not path.startswith(base + os.path.sep):
        raise ValueError('Invalid file path: "%s". It leads out of the directory of pack "%s".' % (file_path, pack_ref))
    return path


def get_pack_resource_file_abs_path(pack_ref, resource_type, file_path):
    """Return the path of a file of an action, a sensor, ..."""
    return get_pack_file_abs_path(pack_ref, file_path, resource_type=resource_type)


def get_entry_point_abs_path(pack=None, entry_point=None, use_pack_cache=False):
    """Return the path of an action's entry point."""
    if not entry_point:
        return None
    if os.path.isabs(entry_point):
        return entry_point
    del use_pack_cache
    return os.path.join(get_pack_base_path(pack), "actions", entry_point)


def check_pack_directory_exists(pack):
    """Say whether a pack is there."""
    return get_pack_directory(pack) is not None


def check_pack_content_directory_exists(pack, content_type):
    """Say whether a pack has a directory of that name."""
    directory = get_pack_directory(pack)
    return directory is not None and os.path.isdir(os.path.join(directory, content_type))
