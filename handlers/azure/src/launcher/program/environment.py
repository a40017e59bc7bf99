# Names that differ between conda's channels and PyPI.
RENAMED = {
    "pytorch": "torch",
    "pytorch-cpu": "torch",
    "py-xgboost": "xgboost",
    "py-opencv": "opencv-python",
    "opencv": "opencv-python",
    "matplotlib-base": "matplotlib",
    "msgpack-python": "msgpack",
    "pytables": "tables",
    "tensorflow-base": "tensorflow",
    "dask-core": "dask",
}
# Libraries and tools that wheels bring along or the machine has.
NOT_PYTHON = (
    "blas bzip2 ca-certificates conda cudatoolkit cudnn gcc gxx intel-openmp llvm-openmp mkl ncurses nodejs openblas "
    "openjdk openssl readline sqlite tk zlib"
).split()


def pip_version(version):
    """`=1.2`, which conda takes for any 1.2, as `==1.2.*`; `=1.2.3=py311_0` as `==1.2.3`; `>=1,<2` as it is."""
    if any(sign in version for sign in "|[("):
        raise ValueError("alternatives and selectors have no counterpart; move it to the `pip:` list")
    if version.startswith("=="):
        return "==" + re.split("[= ]", version[2:])[0]
    if version[:1] in (">", "<", "!", "~"):
        return "".join(version.split())
    parts = re.split("[= ]", version.lstrip("=").strip(), maxsplit=1)
    has_build = len(parts) > 1 and parts[1].strip()
    stem = parts[0].rstrip("*").rstrip(".")
    if not stem:
        return ""
    return "==" + stem if has_build and not parts[0].endswith("*") else "==%s.*" % stem


def conda_package(spec, lines, log):
    """A dependency of conda as a line for pip, if it is a Python package."""
    name, version = re.match(r"([A-Za-z0-9._-]*)(.*)", spec.split("::")[-1].strip()).groups()
    name, version = name.lower(), version.strip()
    if name == "python":
        wanted = re.match(r"==?(\d+)\.(\d+)", version)
        if wanted and tuple(map(int, wanted.groups())) != sys.version_info[:2]:
            log.say("the dependency file asks for python%s, and this is Python %d.%d" % ((version,) + sys.version_info[:2]))
    elif name.startswith(("_", "lib", "r-")) or name in NOT_PYTHON:
        log.say("%s is left out: it is no Python package" % name)
    elif name != "pip":
        try:
            lines.append(RENAMED.get(name, name) + pip_version(version))
        except ValueError as error:
            raise Refused("`%s` cannot be mapped to a pip requirement: %s" % (spec, error)) from None


def conda_lines(text, file, log):
    """conda's environment.yml as lines for pip. There is no YAML reader here, so it must be written as lists of lines."""
    lines, inside, pip_at = [], False, None
    for line in text.splitlines():
        line = re.sub(r"(^|\s)#.*", "", line).rstrip()
        if not line.strip():
            continue
        indent, item = len(line) - len(line.lstrip()), line.strip()
        if not item.startswith("-"):
            inside, pip_at = re.fullmatch(r"dependencies\s*:", item) is not None, None
            if item.startswith("dependencies") and not inside:
                raise Refused("%s: write the dependencies as a list, one `- name` a line" % file)
            continue
        if not inside:
            continue
        item = item[1:].strip().strip("'\"")
        if re.fullmatch(r"pip\s*:", item):
            pip_at = indent
        elif pip_at is not None and indent > pip_at:
            lines.append(item)
        else:
            pip_at = None
            conda_package(item, lines, log)
    return lines


def make_environment(source, file, folder, log, deadline):
    """Makes a Python environment from a dependency file, and answers its folder of programs."""
    path = in_folder(source, file)
    if path is None:
        raise Refused("the dependency file %s is outside of the repository" % json.dumps(file))
    if not os.path.isfile(path):
        raise Refused("there is no dependency file %s: add it, or name another one in trainyard.yml" % file)
    log.say("building an environment with Python %d.%d.%d" % sys.version_info[:3])
    start = log.size()
    variables = dict(os.environ)
    venv = [sys.executable, "-m", "venv", "--clear", folder]
    if Group(venv, source, variables, log).wait(deadline) != 0:
        raise Refused("the environment could not be made: %s" % log.last_line_since(start))
    requirements = path
    if file.endswith((".yml", ".yaml")):
        with open(path, encoding="utf-8") as opened:
            lines = conda_lines(opened.read(), file, log)
        # Beside the file, so that what it includes is found.
        requirements = os.path.join(os.path.dirname(path), ".trainyard-requirements.txt")
        with open(requirements, "w", encoding="utf-8") as opened:
            opened.write("\n".join(lines) + "\n")
    pip = [os.path.join(folder, "bin", "python"), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    start = log.size()
    status = Group(pip + ["--progress-bar=off", "-r", requirements], source, variables, log).wait(deadline)
    if requirements != path:
        os.remove(requirements)
    if status != 0:
        raise Refused("the packages could not be installed: %s" % log.last_line_since(start))
    log.say("the environment is ready")
    return os.path.join(folder, "bin")


