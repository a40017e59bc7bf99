"""Stands for Microsoft's inference server: answers `GET /` and `POST /score` by a scoring script, or one body with `--once`."""

import argparse
import http.server
import importlib.util
import json
import os
import sys


def answer(script, body):
    try:
        return 200, json.dumps(script.run(body.decode())).encode()
    except Exception as error:
        return 500, json.dumps({"error": str(error)}).encode()


def serve(script, port):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self):
            self.tell(200, b"Healthy")

        def do_POST(self):
            self.tell(*answer(script, self.rfile.read(int(self.headers["content-length"]))))

        def tell(self, status, body):
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.send_header("x-ms-server-version", os.environ.get("HTTP_X_MS_SERVER_VERSION", ""))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--entry_script", required=True)
    parser.add_argument("--model_dir", required=True)
    parser.add_argument("--port", type=int)
    parser.add_argument("--worker_count")
    parser.add_argument("--once", action="store_true")
    arguments = parser.parse_args()
    os.environ["AZUREML_MODEL_DIR"] = arguments.model_dir
    spec = importlib.util.spec_from_file_location("score", arguments.entry_script)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    script.init()
    if not arguments.once:
        serve(script, arguments.port)
    status, body = answer(script, sys.stdin.buffer.read())
    sys.stdout.buffer.write(b"%d\n" % status + body)


if __name__ == "__main__":
    main()
