HEALTHY_SECS, ANSWER_SECS, WARM_UP = 120, 60, 10

# A hook for the gunicorn inside the inference server: it listens on the loopback address alone and is quiet.
GUNICORN = """import logging
import os

control_socket_disable = True


def on_starting(server):
    server.cfg.set("bind", "127.0.0.1:" + os.environ["SERVER_PORT"])


def post_fork(server, worker):
    logging.getLogger("azmlinfsrv.trace").addFilter(lambda line: False)


def post_worker_init(worker):
    logging.getLogger("gunicorn.access").disabled = True
    logging.getLogger("azmlinfsrv").addFilter(
        lambda line: line.module != "routes" or line.levelno > logging.INFO
    )
"""


def usage_of(group):
    """Seconds of processor time of a group of processes, and the sum of the most memory that each has had, in MiB."""
    cpu, peak = 0.0, 0.0
    for name in os.listdir("/proc"):
        try:
            with open("/proc/%s/stat" % name) as file:
                fields = file.read().rpartition(")")[2].split()
            if not name.isdigit() or int(fields[2]) != group:
                continue
            cpu += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
            with open("/proc/%s/status" % name) as file:
                found = re.search(r"VmHWM:\s*(\d+)", file.read())
            peak += int(found.group(1)) / 1024 if found else 0
        except (OSError, ValueError, IndexError):
            continue
    return cpu, peak


def ask(connection, method, path, body=None):
    headers = {"content-type": "application/json"} if body is not None else {}
    connection.request(method, path, body=body, headers=headers)
    answer = connection.getresponse()
    return answer.status, answer.read(), answer.headers


def wait_until_healthy(group, port, identity, log, start, deadline):
    end = time.monotonic() + HEALTHY_SECS
    pause = 0.05
    while True:
        status = group.leader.poll()
        if status is not None:
            why = "the server ended with %s before it was healthy" % ending(status)
        elif time.monotonic() > end:
            why = "the server was not healthy within %d s" % HEALTHY_SECS
        else:
            try:
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
                code, _, headers = ask(connection, "GET", "/")
                if code == 200 and headers.get("x-ms-server-version") == identity:
                    return
            except (OSError, http.client.HTTPException):
                pass
            if deadline.left() == 0:
                raise TimedOut()
            time.sleep(pause)
            pause = min(1.0, pause * 2)
            continue
        group.finish()
        last = log.last_line_since(start)
        raise Refused(why + ("; it said: " + last if last else "; it said nothing"))


def score(connection, payload):
    """The seconds that one request takes, which must be answered with 200."""
    began = time.monotonic()
    try:
        code, body, _ = ask(connection, "POST", "/score", payload)
    except (OSError, http.client.HTTPException) as error:
        raise Refused("a request of the load test was not answered: %s" % error) from None
    if code != 200:
        said = body.decode("utf-8", "replace")[:200]
        raise Refused("a request of the load test was answered %d: %s" % (code, said))
    return time.monotonic() - began


def ask_until(port, payload, end, latencies, errors):
    """One asker: the next request goes out when the last is answered; one at least, however slow it is."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_SECS)
    own = []
    try:
        while not errors and (not own or time.monotonic() < end):
            own.append(score(connection, payload))
    except Refused as error:
        errors.append(error)
    latencies.extend(own)


def percentile(ordered, percent):
    return ordered[max(1, -(-len(ordered) * percent // 100)) - 1] * 1000


def start_server(entry, place, log):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    identity = str(uuid.uuid4())
    settings = os.path.join(os.path.dirname(log.path), "gunicorn.conf.py")
    with open(settings, "w") as file:
        file.write(GUNICORN)
    variables = dict(
        place.variables,
        AML_APP_ROOT=place.folder,
        AML_APP_INSIGHTS_ENABLED="false",
        APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL="true",
        SERVER_VERSION_LOG_RESPONSE_ENABLED="false",
        HTTP_X_MS_SERVER_VERSION=identity,
        GUNICORN_CMD_ARGS="--config " + shlex.quote(settings),
        OMP_NUM_THREADS="1",
        OPENBLAS_NUM_THREADS="1",
        MKL_NUM_THREADS="1",
    )
    words = [place.find("azmlinfsrv"), "--entry_script", os.path.join(place.folder, entry)]
    words += ["--model_dir", os.path.join(place.folder, "model"), "--port", str(port), "--worker_count", "1"]
    return Group(words, place.folder, variables, log), port, identity


def run_load(job, source, place, log, deadline, left):
    """Measures the image's content on a server of its own. Refused says in a sentence why it could not."""
    load, path = job["load"], in_folder(source, job["load"]["payload"])
    if not job["entry"]:
        raise Refused("a load test needs a scoring script (`scoring.entry`)")
    if path is None or not os.path.isfile(path):
        raise Refused("the payload %s of trainyard.yml is not in the repository" % json.dumps(load["payload"]))
    with open(path, "rb") as file:
        payload = file.read()
    seconds, at_once = max(1, load["seconds"]), max(1, load["concurrency"])
    log.say("load test: %d s with %d at a time" % (seconds, at_once))
    start = log.size()
    try:
        group, port, identity = start_server(job["entry"], place, log)
    except OSError as error:
        raise Refused("the server could not be started: %s" % error) from None
    try:
        wait_until_healthy(group, port, identity, log, start, deadline)
        warm = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_SECS)
        for _ in range(WARM_UP):
            score(warm, payload)
        cpu_before, _ = usage_of(group.leader.pid)
        began, latencies, errors = time.monotonic(), [], []
        arguments = (port, payload, began + seconds, latencies, errors)
        askers = [threading.Thread(target=ask_until, args=arguments, daemon=True) for _ in range(at_once)]
        for asker in askers:
            asker.start()
        for asker in askers:
            asker.join(deadline.left())
        if deadline.left() == 0:
            raise TimedOut()
        took = time.monotonic() - began
        cpu_after, peak = usage_of(group.leader.pid)
    finally:
        group.end()
    if errors:
        raise errors[0]
    latencies.sort()
    left["metrics"].update(
        latency_ms_p50=percentile(latencies, 50),
        latency_ms_p95=percentile(latencies, 95),
        requests_per_second=len(latencies) / took,
        cpu_cores=(cpu_after - cpu_before) / took,
        memory_mib=peak,
    )
    left["said"].append(
        "load: %d requests in %.1f s, %d at a time, all answered 200; median %.1f ms"
        % (len(latencies), took, at_once, percentile(latencies, 50))
    )


