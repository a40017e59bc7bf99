PRINTED_MAX = 8 << 20  # bytes of files in a result that is printed
BEGIN, END = "-----BEGIN TRAINYARD RESULT-----", "-----END TRAINYARD RESULT-----"


def unpack(archive, folder):
    """Unpacks a snapshot. Nothing in it may reach out of its folder."""
    os.mkdir(folder)
    with tarfile.open(archive) as opened:
        # Checked below, by the same rules with every Python.
        opened.extraction_filter = lambda member, path: member
        for member in opened:
            target = os.path.dirname(member.name) + "/" + member.linkname if member.issym() else member.name
            leads_out = member.issym() and member.linkname.startswith("/")
            if leads_out or in_folder(folder, member.name) is None or in_folder(folder, target.lstrip("/")) is None:
                raise Refused("the snapshot's entry %s leads out of its folder" % member.name)
            if not (member.isreg() or member.isdir() or member.issym()):
                raise Refused("the snapshot's entry %s is neither file, folder nor link" % member.name)
            opened.extract(member, folder)


def place_of(job, source, outputs, app, environment, kept, log, deadline):
    """Makes everything that the commands need."""
    variables = dict(os.environ)
    variables.update(PYTHONUNBUFFERED="1", PYTHONDONTWRITEBYTECODE="1")
    variables.update(TRAINYARD_RUN=job["run"], TRAINYARD_OUTPUTS=outputs)
    if job["parameters"] is not None:
        variables["TRAINYARD_PARAMETERS"] = in_snapshot(source, "parameters", job["parameters"])
    if job["data"] is not None:
        path = in_snapshot(source, "data", job["data"])
        kept.keep_data(path)
        variables["TRAINYARD_DATA"] = path
    if app is not None:
        variables["AZUREML_MODEL_DIR"] = os.path.join(app, "model")
    programs = os.path.dirname(sys.executable)
    if environment is not None and job["environments"]:
        programs = make_environment(source, job["environments"][0], environment, log, deadline)
        variables["VIRTUAL_ENV"] = environment
    variables["PATH"] = programs + os.pathsep + variables.get("PATH", os.defpath)
    variables.update(job["variables"])
    return Place(app or source, variables, job["environments"][0] if job["environments"] else None)


def run_all(job, source, place, log, deadline, left):
    """Runs what there is to run. Answers a sentence for each thing that went wrong."""
    problems = []
    if job["load"] is not None:
        try:
            run_load(job, source, place, log, deadline, left)
        except Refused as error:
            problems.append(str(error))
    for command in job["commands"]:
        status, sentence = run_command(command, place, log, deadline)
        left["said"].append(sentence or command["name"] + ": ended well")
        if sentence:
            problems.append(sentence)
        if status is not None and status < 0 and "from outside" in sentence:
            break
    return problems


def work(arguments, job, scratch, kept, log, left):
    """Does the job. Answers a sentence for each thing that went wrong."""
    deadline = Deadline(job["timeout_secs"])
    late = (
        "the job ran longer than its %d s and was ended; give it more time in trainyard.yml (timeout_minutes) or less "
        "to do" % job["timeout_secs"]
    )
    place, outputs = None, os.path.join(scratch, "outputs")
    os.mkdir(outputs)
    try:
        source = os.path.abspath(arguments.source)
        if os.path.isfile(source):
            unpack(source, os.path.join(scratch, "source"))
            source = os.path.join(scratch, "source")
        app = arguments.app and os.path.abspath(arguments.app)
        environment = arguments.environment and os.path.abspath(arguments.environment)
        place = place_of(job, source, outputs, app, environment, kept, log, deadline)
        problems = run_all(job, source, place, log, deadline, left)
        wrong = collect(job, place.folder, outputs, kept, arguments.mlflow, left)
        # What a command that failed has not written is no news.
        return problems or wrong
    except TimedOut:
        if place is not None:
            # What there is may tell people where the time went.
            collect(job, place.folder, outputs, kept, arguments.mlflow, left)
        return [late]
    except (Refused, OSError, tarfile.TarError) as error:
        return [str(error)]
    finally:
        end_leftovers(outputs)


def print_result(folder, files):
    """Prints the result folder, as a packed archive between two marks."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        archive.add(os.path.join(folder, "result.json"), "result.json")
        for name in sorted(files):
            archive.add(os.path.join(folder, "files", name), "files/" + name)
    text = base64.b64encode(packed.getvalue()).decode()
    lines = [text[at : at + 76] for at in range(0, len(text), 76)]
    print("\n".join(["", BEGIN] + lines + [END]), flush=True)


def leave_out_what_is_too_much(kept, left, log):
    """A log is no place for large files: those that do not fit are left out, and that is said."""
    total = 0
    for name in sorted(kept.files):
        size = os.path.getsize(os.path.join(kept.folder, name))
        if total + size > PRINTED_MAX:
            kept.leave_out(name)
            left["said"].append("%s is not kept: it is too large for a log" % name)
            log.say(left["said"][-1])
        else:
            total += size


def result_of(problems, left):
    """The result as the pipeline reads it."""
    outputs = {name: left[name] for name in ("metrics", "files", "said")}
    beside = {name: left[name] for name in ("reports", "lacks_metrics")}
    if problems:
        return dict(beside, outcome="failed", reason="; ".join(problems), outputs=outputs)
    return dict(beside, outcome="completed", **outputs)


def arguments_of():
    parser = argparse.ArgumentParser(description="Runs a job's commands and leaves what came of it.")
    given = parser.add_mutually_exclusive_group(required=True)
    given.add_argument("--job")
    given.add_argument("--job-variable")
    parser.add_argument("--source", required=True)
    parser.add_argument("--result", required=True)
    parser.add_argument("--environment")
    parser.add_argument("--app")
    parser.add_argument("--mlflow", action="store_true")
    parser.add_argument("--print", action="store_true")
    return parser.parse_args()


def end_now(number, frame):
    raise Ended()


def main():
    arguments = arguments_of()
    if arguments.job:
        with open(arguments.job, encoding="utf-8") as file:
            job = json.load(file)
    else:
        # Taken away: the commands have no use for it.
        job = json.loads(base64.b64decode(os.environ.pop(arguments.job_variable)))
    result = os.path.abspath(arguments.result)
    os.makedirs(result, exist_ok=True)
    scratch = os.path.realpath(tempfile.mkdtemp(prefix="trainyard-"))
    try:
        problems = run(arguments, job, result, scratch)
    except Ended:
        sys.exit(143)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    if problems:
        sys.exit(1)


def run(arguments, job, result, scratch):
    """Does the job and leaves its result."""
    # On a mounted store nothing can be added to a file, so the log is written here and copied there.
    log = Log(os.path.join(scratch, "log.txt"))
    left = {"metrics": {}, "files": {}, "said": [], "reports": [], "lacks_metrics": False}
    kept = Kept(os.path.join(result, "files"), scratch, left["files"])
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, end_now)
    problems = work(arguments, job, scratch, kept, log, left)
    if arguments.print:
        leave_out_what_is_too_much(kept, left, log)
    log.say("the job failed" if problems else "the job completed")
    for problem in problems:
        log.say(problem)
    shutil.copyfile(log.path, os.path.join(result, "log.txt"))
    text = json.dumps(result_of(problems, left), ensure_ascii=False)
    # Written last: whoever finds it finds the rest. Names of files may be no Unicode.
    with open(os.path.join(result, "result.json"), "wb") as file:
        file.write(text.encode("utf-8", "replace"))
    if arguments.print:
        print_result(result, kept.files)
    return problems


if __name__ == "__main__":
    main()
