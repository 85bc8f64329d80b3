# SPDX-License-Identifier: MIT
# mypy: ignore-errors
"""Session: named objects, and snapshots of them all in temporary files that go with the session."""
import datetime
import json

from . import temp


class Session:
    """A development session.

        session = mayfly.Session("algorithm_development")
        session.add_object("data", [1, 2, 3])
        session.take_snapshot("Initial state")      # 0
        session.restore_snapshot(0)
        session.export_session_info("session.json")

    It is told what is done, by `say`: print, or None for silence. As a context manager it takes its
    snapshots with it.
    """

    def __init__(self, session_name, *, say=print, dir=None, **settings):
        self.session_name = session_name
        self.snapshots = []
        self.current_objects = {}
        self._say = say or (lambda text: None)
        self._dir = dir
        self._settings = settings  # of dumping: recurse, byref, protocol

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.close()

    def __len__(self):
        return len(self.current_objects)

    def __contains__(self, name):
        return name in self.current_objects

    def __repr__(self):
        return (f"<session {self.session_name!r}: {len(self.current_objects)} objects, "
                f"{len(self.snapshots)} snapshots>")

    def add_object(self, name, obj):
        """Gives a name to an object, or a name another object."""
        self.current_objects[name] = obj
        self._say(f"Added {name} to session")

    def remove_object(self, name):
        """KeyError: there is none of that name."""
        del self.current_objects[name]
        self._say(f"Removed {name} from session")

    def get_object(self, name, default=None):
        return self.current_objects.get(name, default)

    def take_snapshot(self, description=""):
        """Dumps all objects; returns the number of the snapshot. PicklingError: nothing is taken."""
        file = temp.dump(self.current_objects, prefix="snapshot_", dir=self._dir, **self._settings)
        self.snapshots.append({
            "timestamp": datetime.datetime.now().isoformat(),
            "description": description,
            "temp_file": file,
            "object_count": len(self.current_objects),
        })
        self._say(f"Snapshot taken: {len(self.snapshots)} total snapshots")
        return len(self.snapshots) - 1

    def restore_snapshot(self, snapshot_index):
        """Has the objects be those of a snapshot again; IndexError if there is none of that number."""
        if not 0 <= snapshot_index < len(self.snapshots):
            self._say(f"Invalid snapshot index: {snapshot_index}")
            raise IndexError(f"restore: {self.session_name!r} has {len(self.snapshots)} snapshots, "
                             f"none is number {snapshot_index}")
        snapshot = self.snapshots[snapshot_index]
        # ignore: what came back keeps the classes that it was dumped with.
        self.current_objects = temp.load(snapshot["temp_file"], ignore=True)
        self._say(f"Restored snapshot from {snapshot['timestamp']}")
        self._say(f"Objects restored: {list(self.current_objects)}")

    def list_snapshots(self):
        """Says what there is, a line for each, and returns the lines."""
        lines = [f"{number}: {each['timestamp']} - {each['description']} "
                 f"({each['object_count']} objects)" for number, each in enumerate(self.snapshots)]
        for line in lines:
            self._say(line)
        return lines

    def session_info(self):
        kept = "timestamp", "description", "object_count"
        return {
            "session_name": self.session_name,
            "snapshots": [{name: each[name] for name in kept} for each in self.snapshots],
            "current_objects": list(self.current_objects),
        }

    def export_session_info(self, filename):
        """Writes what there is as JSON, all of the file or, if that fails, the old one."""
        from . import replace
        with replace(filename, "w", encoding="utf-8") as file:
            json.dump(self.session_info(), file, indent=2)
        self._say(f"Session info exported to {filename}")

    def close(self):
        """Removes the snapshots; the objects stay."""
        snapshots, self.snapshots = self.snapshots, []
        for each in snapshots:
            each["temp_file"].close()
