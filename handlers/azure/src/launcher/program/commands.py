OF_A_SHELL = ("&&", "||", "|", ";", ">", ">>", "<", "&")
MEMORY = "The usual cause is too little memory: use less of it, or a machine that has more"


class Place:
    """Where and with what the commands of a job run."""

    def __init__(self, folder, variables, dependencies):
        self.folder = folder
        self.variables = variables
        self.dependencies = dependencies

    def find(self, program):
        """The program: in the environment first, then on PATH; one with a `/` is in the working folder."""
        if "/" in program:
            return os.path.join(self.folder, program)
        for folder in self.variables.get("PATH", "").split(os.pathsep):
            path = os.path.join(folder, program)
            if os.path.isfile(path) and os.access(path, os.X_OK):
                return path
        if self.dependencies:
            add = "; add its package to " + self.dependencies
            raise Refused("there is no program `%s` in the environment or on PATH%s" % (program, add))
        raise Refused("there is no program `%s` on PATH" % program)


class Group:
    """A process with all that it starts, in a session of its own."""

    def __init__(self, words, folder, variables, log):
        self.leader = subprocess.Popen(
            words,
            cwd=folder,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.reader = threading.Thread(target=self.read, args=(log,), daemon=True)
        self.reader.start()

    def read(self, log):
        while True:
            data = os.read(self.leader.stdout.fileno(), 1 << 16)
            if not data:
                return
            log.write(data)

    def wait(self, deadline):
        """How it ends. What it has left running is ended then too."""
        try:
            status = self.leader.wait(deadline.left())
        except subprocess.TimeoutExpired:
            self.end()
            raise TimedOut() from None
        except BaseException:
            self.end()
            raise
        self.finish()
        return status

    def end(self):
        """Asks it to end, and ends it if it does not."""
        self.signal(signal.SIGTERM)
        try:
            self.leader.wait(CUT_SECS)
        except subprocess.TimeoutExpired:
            pass
        self.finish()

    def finish(self):
        self.signal(signal.SIGKILL)
        self.leader.wait()
        # Whoever left the group may hold the pipe open; that is no reason to wait for it.
        self.reader.join(CUT_SECS)

    def signal(self, number):
        try:
            os.killpg(self.leader.pid, number)
        except (ProcessLookupError, PermissionError):
            pass


def words_of(line):
    """The words of a command line, as a shell splits them; there is no shell."""
    try:
        words = shlex.split(line)
    except ValueError:
        raise Refused("a quotation mark is not closed") from None
    if not words:
        raise Refused("the command is empty")
    for word in words:
        if word in OF_A_SHELL:
            raise Refused("`%s` is for a shell and there is none; write sh -c '...' around the command" % word)
    return words


def ending(status):
    if status == 137:
        return "exit code 137 (it was killed, mostly because memory ran out)"
    return "exit code %d" % status if status >= 0 else "signal %d" % -status


def run_command(command, place, log, deadline):
    """Runs a command to its end. Answers its status and, if it ended badly, a sentence."""
    name, line = command["name"], command["line"]
    log.say("%s: %s" % (name, line))
    called, began, start = "%s (%s)" % (name, line), time.monotonic(), log.size()
    try:
        words = words_of(line)
        words[0] = place.find(words[0])
        group = Group(words, place.folder, place.variables, log)
    except (Refused, OSError, ValueError) as error:
        sentence = "%s could not be started: %s" % (called, error)
        log.say(sentence)
        return None, sentence
    try:
        status = group.wait(deadline)
    except TimedOut:
        log.say(name + " was ended: the job has had its time")
        raise
    last = log.last_line_since(start)
    log.say("%s ended with %s after %.1f s" % (name, ending(status), time.monotonic() - began))
    if status == 0:
        return status, None
    if status in (-signal.SIGKILL, -signal.SIGTERM):
        return status, "%s was ended from outside by %s. %s" % (called, ending(status), MEMORY)
    return status, "%s ended with %s%s" % (called, ending(status), ": " + last if last else "")


def end_leftovers(outputs):
    """Ends what has left its group: processes whose environment names the folder of outputs."""
    mark = b"TRAINYARD_OUTPUTS=" + os.fsencode(outputs)
    for name in os.listdir("/proc") if os.path.isdir("/proc") else []:
        try:
            if name.isdigit() and int(name) != os.getpid():
                with open("/proc/%s/environ" % name, "rb") as file:
                    is_ours = mark in file.read().split(b"\0")
                if is_ours:
                    os.kill(int(name), signal.SIGKILL)
        except OSError:
            continue


