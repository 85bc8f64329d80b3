# SPDX-License-Identifier: MIT
"""Types lines into a real interactive shell, with the Tab key, and tells what the command got.

    completion.py SHELL COMPLETION-FILE DIRECTORY

In DIRECTORY the shell runs. A function mayfly stands for the command and writes its arguments down;
so what is compared is what the shell made of the keys, and nothing is waited for but its answer.
"""
import os
import pty
import select
import sys

# What is typed, and the arguments that come of it in the end.
CASES = [
    ("command", "whe\t", ["where"]),
    ("command_of_help", "help wor\t", ["help", "workspace"]),
    ("shell", "completion fi\t", ["completion", "fish"]),
    ("option", "chunks --keep-\t", ["chunks", "--keep-going"]),
    ("switch_after_switch", "where --json --lon\t", ["where", "--json", "--long"]),
    ("word_of_an_option", "where --place sm\t", ["where", "--place", "small"]),
    ("word_after_equals", "where --place=sm\t", ["where", "--place=small"]),
    ("value_is_of_this_command", "batch --format j\t", ["batch", "--format", "json"]),
    ("file_operand", "inspect tab\t", ["inspect", "table.csv"]),
    ("file_with_a_blank", "inspect two\t", ["inspect", "two words.pkl"]),
    ("word_beside_files", "bench disk\t", ["bench", "disk-memory"]),
    ("file_of_an_option", "capture --stdout tab\t", ["capture", "--stdout", "table.csv"]),
    ("file_of_a_letter", "workspace -i tab\t", ["workspace", "-i", "table.csv"]),
    ("only_directories", "file --dir t\t", ["file", "--dir", "tree"]),
    ("letter_of_another_command", "file -p t\t", ["file", "-p", "tree"]),
    ("repeated", "workspace -i table.csv --in two\t",
     ["workspace", "-i", "table.csv", "--in", "two words.pkl"]),
    ("program_after_dashes", "run -- mayfly-completion-pro\t",
     ["run", "--", "mayfly-completion-program"]),
    ("file_of_the_program", "chunks table.csv -- cat two\t",
     ["chunks", "table.csv", "--", "cat", "two words.pkl"]),
]

SHELLS = {
    "bash": (["bash", "--norc", "--noprofile", "-i"],
             "mayfly() { printf 'got'; printf '<%s>' \"$@\"; echo; }\n. {file}\necho READ''Y\n"),
    "zsh": (["zsh", "-f", "-i"],
            "mayfly() { printf got; printf '<%s>' \"$@\"; echo; }\nautoload -U compinit\n"
            "compinit -D\n. {file}\necho READ''Y\n"),
    "fish": (["fish", "--no-config", "-i"],
             "function mayfly; printf got; printf '<%s>' $argv; echo; end\nsource {file}\n"
             "echo READ''Y\n"),
}


class Shell:
    def __init__(self, command, directory):
        self.seen = b""
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.chdir(directory)
            environment = dict(os.environ, TERM="xterm", HOME=directory, LC_ALL="C.UTF-8",
                               PATH=directory + "/bin:" + os.environ["PATH"])
            os.execvpe(command[0], command, environment)

    def type(self, text):
        os.write(self.terminal, text.encode())

    def read_until(self, mark):
        """What it printed up to the mark and the line's end; None if it fell silent for a minute."""
        while True:
            at = self.seen.find(mark)
            end = self.seen.find(b"\n", at) if at >= 0 else -1
            if end >= 0:
                line, self.seen = self.seen[at:end], self.seen[end:]
                return line.decode().strip()
            if not select.select([self.terminal], [], [], 60)[0]:
                return None
            try:
                self.seen += os.read(self.terminal, 65536)
            except OSError:
                return None

    def end(self):
        os.close(self.terminal)
        os.waitpid(self.pid, 0)


def main(name, file, directory):
    command, preparation = SHELLS[name]
    shell = Shell(command, directory)
    shell.type(preparation.replace("{file}", file))
    if shell.read_until(b"READY") is None:
        print(f"not ok completion_of_{name}: it does not start: {shell.seen[-2000:]!r}")
        return
    for case, keys, wanted in CASES:
        shell.type(f"mayfly {keys}\n")
        got = shell.read_until(b"got<")
        got = got and got.replace("/>", ">")  # zsh takes the slash away when the line ends
        want = "got" + "".join(f"<{word}>" for word in wanted)
        if got == want:
            print(f"ok completion_of_{name}_{case}")
        else:
            print(f"not ok completion_of_{name}_{case}: {got} instead of {want}")
        if got is None:
            print(f"    {shell.seen[-2000:]!r}")
            break
    shell.end()


main(*sys.argv[1:])
