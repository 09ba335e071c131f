"""Two orchestrators on one PostgreSQL, three workers, Prometheus: each process in turn is killed and started again while
proofs are asked for through both orchestrators. Every accepted request ends in a verified proof, equal requests are one
job, and Prometheus has the figures."""

import unittest

import dashboards
from installation import *
from network import NetworkTest, main

# Jobs have some 20 to 70 steps: a second or two of proving for a worker that has a core for itself.
FIRST, LAST = 200, 460
# From the first request to the last answer while a process is killed and started again, on a busy machine.
SLOWEST = 60
# For an orchestrator's workers to be back. Without its identity in the state folder the store takes it for alive for 30 s.
BACK = 20


class Topology(NetworkTest):
    def setUp(self):
        super().setUp()
        if reason := missing():
            self.skipTest(reason)
        self.requests = []
        self.inputs = iter(range(FIRST, LAST))
        self.installation = Installation(self.folder)

    def tearDown(self):
        for request in getattr(self, "requests", []):
            request.close()
        if hasattr(self, "installation"):
            self.installation.close()
        super().tearDown()

    def ask(self, orchestrator, data):
        self.requests.append(Request(orchestrator, "fibonacci", data))
        return self.requests[-1]

    def requests_through_both(self):
        """Two through each orchestrator, all of different work: more than there are workers."""
        return [(self.ask(orchestrator, data), data) for orchestrator, data in
                ((each, b"%d" % next(self.inputs)) for each in 2 * self.installation.orchestrators)]

    def is_hit(self, part):
        """Whether killing it now interrupts work."""
        provers = part.status()["provers"] if isinstance(part, Orchestrator) else self.installation.provers()
        return any(prover["segment"] is not None for prover in provers
                   if not isinstance(part, Worker) or prover["id"] == part.id)

    def store_errors(self):
        return sum(each.status()["counters"]["store_errors"] for each in self.installation.orchestrators)

    def test_every_process_in_turn(self):
        installation = self.installation
        report = []
        asked = []
        victims = [*installation.workers, *installation.orchestrators, installation.postgres, installation.prometheus]
        for victim in victims:
            start = time.monotonic()
            requests = self.requests_through_both()
            wait_for(lambda: self.is_hit(victim), f"work that {victim.name} takes part in")
            errors = self.store_errors()
            victim.kill()
            killed = time.monotonic()
            time.sleep(0.5)
            if victim is installation.postgres:
                # So that there is something to alert of.
                wait_for(lambda: self.store_errors() > errors, "an orchestrator to miss its store")
            victim.start()
            started = time.monotonic()
            if victim in installation.orchestrators:
                wait_for(lambda: installation.connected() == len(installation.workers), "its workers to be back", BACK)
            for request, data in requests:
                asked.append((data, request.verified(SLOWEST)["output_hex"]))
            answered = time.monotonic()
            wait_for(lambda: installation.connected() == len(installation.workers), "all workers to be back", SLOWEST)
            report.append((victim.name, killed - start, started - killed, answered - started, time.monotonic() - started))

        # The other orchestrator has the results too, and nothing was made two jobs of.
        for i, (data, output) in enumerate(asked):
            other = installation.orchestrators[(i + 1) % 2]
            self.assertEqual(self.ask(other, data).verified(30)["output_hex"], output)
        self.assertEqual(installation.postgres.query("SELECT state, count(*) FROM jobs GROUP BY state"),
                         [["4", str(len(asked))]])
        # Both see the same request at once, too.
        data = b"%d" % next(self.inputs)
        for request in [self.ask(each, data) for each in installation.orchestrators]:
            request.verified(SLOWEST)
        self.assertEqual(installation.postgres.count("jobs"), len(asked) + 1)

        self.check_metrics()
        self.check_dashboards()

        print(f"{len(asked)} requests, {len(victims)} processes killed: every request ended in a verified proof")
        print("killed           work before   away   answered   workers back (seconds; the last two since its restart)")
        for name, before, away, answer, back in report:
            print(f"{name:15} {before:12.1f} {away:6.1f} {answer:10.1f} {back:14.1f}")

    def check_metrics(self):
        """Prometheus against what is known."""
        installation, prometheus = self.installation, self.installation.prometheus
        wait_for(installation.idle, "idle provers")
        done = "sum(magnetar_jobs_done_total)"
        requests = "sum(magnetar_requests_total)"

        def settled(expression, expected):
            try:
                wait_for(lambda: prometheus.value(expression) == expected, expression, seconds=10)
            except AssertionError:
                self.assertEqual(prometheus.value(expression), expected, expression)

        settled("sum(up)", 2)
        settled('sum(magnetar_provers)', 3)
        settled('sum(magnetar_provers{state="busy"})', 0)
        settled("sum(magnetar_jobs)", 0)
        settled("sum(magnetar_waiting_requests)", 0)
        settled("sum(magnetar_proofs_refused_total)", 0)
        # Counters start from 0 with their process: a batch, from what they have now.
        def counted(name):
            return sum(each.status()["counters"][name] for each in installation.orchestrators)
        before = {done: counted("jobs_done"), requests: counted("requests")}
        for expression, number in before.items():
            settled(expression, number)
        for request, _ in self.requests_through_both():
            request.verified(SLOWEST)
        settled(done, before[done] + 4)
        settled(requests, before[requests] + 4)

    def check_dashboards(self):
        """Every panel's query has data after all that, and every rule can be evaluated."""
        prometheus = self.installation.prometheus
        queries = dashboards.load()
        self.assertGreater(len(queries), 10)
        empty = []
        for file, title, query in queries:
            values = prometheus.query(query)
            if not values or any(value != value for value in values.values()):
                empty.append((file, title, query, values))
        self.assertEqual(empty, [])
        def read_rules():
            return [rule for group in prometheus.api("rules")["groups"] for rule in group["rules"]]
        wait_for(lambda: all(rule["health"] == "ok" for rule in read_rules()), "all rules to be evaluated", seconds=10)
        # The store was away, which an alert looks back on for five minutes; no job failed, and no proof was refused.
        rules = {rule["name"]: rule["state"] for rule in read_rules()}
        self.assertEqual((rules["StoreErrors"], rules["JobsFail"], rules["ProofsRefused"]),
                         ("firing", "inactive", "inactive"))
        firing = [alert["labels"] for alert in prometheus.api("alerts")["alerts"] if alert["state"] == "firing"]
        print(f"{len(queries)} queries of {len(dashboards.files())} dashboards have data; {len(rules)} rules in "
              f"{len(prometheus.rules)} files; alerts that fire: {firing or 'none'}")


if __name__ == "__main__":
    main()
