"""The status page in a real browser: it shows jobs and provers, keeps up with them by itself, and logs no error."""

import shutil
import unittest

from installation import *
from network import NetworkTest, main

try:
    from selenium import webdriver
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service
except ImportError:
    webdriver = None

# Where pictures of the page go, for who wants to look at it.
PICTURES = os.environ.get("MAGNETAR_STATUS_PICTURES")


def lacking():
    if webdriver is None:
        return "selenium is not installed (Debian: python3-selenium)"
    for program, package in (("chromium", "chromium"), ("chromedriver", "chromium-driver")):
        if shutil.which(program) is None:
            return f"{program} is not installed (Debian: {package})"
    return None


class StatusPage(NetworkTest):
    def setUp(self):
        super().setUp()
        if reason := lacking():
            self.skipTest(reason)
        self.server = self.orchestrator("--cache", CACHE, heartbeat_ms=HEARTBEAT_MS)
        self.browser = None

    def tearDown(self):
        if getattr(self, "browser", None):
            self.browser.quit()
        for worker in getattr(self, "workers", []):
            worker.close()
        super().tearDown()

    def open(self, width=1280, height=1000):
        options = Options()
        # Without a sandbox of its own, which root may not have, nor shared memory, which containers have little of.
        for flag in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu",
                     f"--window-size={width},{height}", f"--user-data-dir={self.folder}/browser"):
            options.add_argument(flag)
        options.binary_location = shutil.which("chromium")
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.browser = webdriver.Chrome(service=Service(shutil.which("chromedriver")), options=options)
        self.browser.get(f"http://{self.server.http}/")

    def text(self, element):
        # By the page itself: elements are replaced every second.
        return self.browser.execute_script("return document.getElementById(arguments[0]).innerText", element)

    def rows(self, table):
        return self.browser.execute_script(
            "return [...document.querySelectorAll(`#${arguments[0]} tr`)].map(r => [...r.children].map(c => c.innerText))",
            table)

    def picture(self, name):
        if PICTURES:
            self.browser.save_screenshot(f"{PICTURES}/{name}.png")

    def test_shows_and_keeps_up(self):
        self.open()
        wait_for(lambda: "serving" in self.text("state"), "the page's first answer")
        self.assertEqual(self.rows("jobs"), [["No open jobs."]])
        self.assertEqual(self.rows("provers"), [["No prover is connected."]])

        # From here on nothing is asked of the browser but what it shows.
        requests = [Request(self.server, "fibonacci", b"%d" % number) for number in (900, 1000, 950)]
        for request in requests:
            self.addCleanup(request.close)
        wait_for(lambda: len(self.rows("jobs")) == 4, "three jobs, and a head")
        self.workers = [Worker(self.folder, f"worker-{i}", self.server.address) for i in range(2)]
        wait_for(lambda: len(self.rows("provers")) == 3, "two provers, and a head")
        ids = {row[0] for row in self.rows("provers")[1:]}
        self.assertEqual(ids, {worker.id for worker in self.workers})
        self.assertEqual(self.text("figure-provers").split("\n")[0], "2")

        # Progress grows while it is watched.
        def percents():
            return [int(found.group(1)) for row in self.rows("jobs")[1:] if len(row) > 1
                    if (found := re.search(r"(\d+) %", row[2]))]
        first = wait_for(lambda: [each for each in percents() if 0 < each < 90], "a job under way")
        self.picture("busy")
        wait_for(lambda: any(each > min(first) for each in percents()), "progress")
        for request in requests:
            request.verified()
        wait_for(lambda: self.text("figure-jobs-done").split("\n")[0] == "3", "three jobs done")
        wait_for(lambda: self.rows("jobs") == [["No open jobs."]], "no job")
        wait_for(lambda: ["RequestProof", "OK", "3"] in self.rows("calls"), "three calls")
        self.picture("done")

        # On a telephone nothing sticks out.
        self.browser.set_window_size(500, 900)
        self.assertLessEqual(*self.browser.execute_script(
            "return [document.documentElement.scrollWidth, document.documentElement.clientWidth]"))
        self.picture("narrow")
        self.assertEqual([entry for entry in self.browser.get_log("browser") if entry["level"] == "SEVERE"], [])

        # It says so when there is no answer, and finds the orchestrator again by itself.
        address, http = self.server.address, self.server.http
        self.server.kill()
        wait_for(lambda: "no answer" in self.text("state"), "the loss to be seen")
        self.picture("away")
        self.server = self.orchestrator("--cache", CACHE, heartbeat_ms=HEARTBEAT_MS, listen=address, http=http, name="again")
        wait_for(lambda: "serving" in self.text("state"), "the orchestrator's return")


if __name__ == "__main__":
    main()
