METRICS = "metrics.json"
ADVICE = 'it must be one JSON object of names and numbers, such as {"mse": 0.5}'


def in_folder(folder, path):
    """A path of the description, unless it leads out of the folder."""
    parts = []
    for part in path.split("/"):
        if part == "..":
            if not parts:
                return None
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return None if path.startswith("/") else os.path.join(folder, path)


def in_snapshot(source, what, path):
    """A file or folder of the repository that the job was promised."""
    place = in_folder(source, path)
    if place is None or not os.path.exists(place):
        raise Refused("the %s %s of trainyard.yml are not in the repository" % (what, json.dumps(path)))
    return place


def files_below(path, name, said):
    """All files at or below a path by their names. Links are left out and that is said: they may lead anywhere."""
    found, left = {}, [(path, name.rstrip("/"))]
    while left:
        path, name = left.pop()
        try:
            mode = os.lstat(path).st_mode
        except FileNotFoundError:
            continue
        if stat.S_ISREG(mode):
            found[name] = path
        elif stat.S_ISDIR(mode):
            for below in os.listdir(path):
                left.append((os.path.join(path, below), name + "/" + below if name else below))
        else:
            said.append(name + " is not kept: it is a link or a special file")
    return dict(sorted(found.items()))


def digest_of(path):
    hasher = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            hasher.update(block)
    return hasher.hexdigest()


class Kept:
    """Files that are to become artifacts, by their names in the result."""

    def __init__(self, folder, scratch, files):
        self.folder = folder
        self.scratch = scratch
        self.files = files
        os.makedirs(folder, exist_ok=True)

    def keep(self, name, path):
        # Copied first: a file that is still written to changes between two readings.
        unfinished = os.path.join(self.scratch, "unfinished")
        shutil.copyfile(path, unfinished)
        to = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(to), exist_ok=True)
        shutil.copyfile(unfinished, to)
        self.files[name] = "sha256:" + digest_of(unfinished)

    def keep_data(self, path):
        """Keeps the training data as it is before the commands run; of a folder a list of its files and digests."""
        if not os.path.isfile(path):
            lines = ["%s  %s\n" % (digest_of(file), name) for name, file in files_below(path, "", []).items()]
            path = os.path.join(self.scratch, "data")
            with open(path, "wb") as file:
                file.write("".join(lines).encode("utf-8", "surrogateescape"))
        self.keep("data", path)

    def leave_out(self, name):
        os.remove(os.path.join(self.folder, name))
        del self.files[name]


def metrics_of(text):
    """A flat object of numbers, or Refused."""
    try:
        members = json.loads(text)
    except ValueError as error:
        raise Refused("%s (%s)" % (ADVICE, error)) from None
    if not isinstance(members, dict):
        raise Refused(ADVICE)
    for name, value in members.items():
        if isinstance(value, float) and not math.isfinite(value):
            why = "which can be compared with nothing: look for missing values or a division by zero"
            raise Refused("`%s` is %s, %s" % (name, json.dumps(value), why))
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            shown = json.dumps(value, separators=(",", ":"))[:40]
            raise Refused("`%s` is %s, not a number; %s" % (name, shown, ADVICE))
    return {name: float(value) for name, value in members.items()}


def collect(job, working, outputs, kept, may_be_logged, left):
    """Adds what is there to `left`, and answers a sentence for each thing that is wrong with it."""
    problems = []
    for report in job["reports"]:
        path = in_folder(working, report)
        if path is None:
            problems.append("the report %s leads out of the working folder" % json.dumps(report))
            continue
        for name, file in files_below(path, report, left["said"]).items():
            kept.keep(name, file)
            if name.endswith(".xml"):
                left["reports"].append(name)
    for name, file in files_below(outputs, "", left["said"]).items():
        if name == METRICS:
            try:
                with open(file, encoding="utf-8", errors="replace") as opened:
                    left["metrics"].update(metrics_of(opened.read()))
            except Refused as error:
                problems.append("%s: %s" % (METRICS, error))
        kept.keep(name, file)
    for required in job["required"]:
        if required in left["files"]:
            continue
        if required == METRICS and may_be_logged:
            left["lacks_metrics"] = True
            continue
        where = "the command must write it into the folder that TRAINYARD_OUTPUTS names"
        problems.append("%s is missing: %s" % (required, where))
    return problems


