import Testing

@testable import Simulation

/// The seeds of the ordinary run; `belay-simulate --seeds` runs more.
private let batch: Range<UInt64> = 1..<2_001

private struct Shard: Sendable {
  var failures: [Simulation.Outcome] = []
  var sightings: Set<Sighting> = []
}

private func run(_ seeds: StrideTo<UInt64>) -> Shard {
  var shard = Shard()
  for seed in seeds {
    let outcome = Simulation.run(seed: seed)
    shard.sightings.formUnion(outcome.sightings)
    if !outcome.violations.isEmpty && shard.failures.count < 2 { shard.failures.append(outcome) }
  }
  return shard
}

@Test("Every law holds in every seed, and every situation that must be tried is met")
func lawsHold() async {
  let shards = 4
  let results = await withTaskGroup(of: Shard.self) { group in
    for shard in 0..<shards {
      group.addTask {
        run(stride(from: batch.lowerBound + UInt64(shard), to: batch.upperBound, by: shards))
      }
    }
    return await group.reduce(into: [Shard]()) { $0.append($1) }
  }
  for failed in results.flatMap(\.failures).prefix(3) {
    let shrunk = Simulation.shrink(failed)
    let laws = shrunk.violations.map { "\($0.law): \($0.detail)" }.joined(separator: "; ")
    Issue.record("\(laws)\nrepeat it with: \(shrunk.command)")
  }
  let seen = results.reduce(into: Set<Sighting>()) { $0.formUnion($1.sightings) }
  for sighting in Sighting.allCases {
    #expect(seen.contains(sighting), "never seen in seeds \(batch): \(sighting)")
  }
}

/// Seeds that show a fault which a core had, or was given by hand to try the laws.
private let regressions: [(seed: UInt64, fault: String)] = [
  (4, "a report was answered by a directive and a directive by a report, ever faster"),
  (20, "a graceful stop's deadline passed without an escalation"),
  (206, "a worker discarded, on a lost lease, what had been committed without its hearing"),
  (391, "after a restart the leases of workers that never came back did not run out"),
  (17_305, "a worker discarded what could never be published before that was durable"),
]

@Test("What once broke a law does not any more", arguments: regressions.map(\.seed))
func regression(seed: UInt64) {
  let outcome = Simulation.run(seed: seed)
  #expect(outcome.violations.isEmpty, "\(outcome.command)")
}

@Test("A seed is a run: the same things happen at the same times", arguments: [1, 26, 77, 1223])
func determinism(seed: UInt64) {
  let first = Simulation.run(seed: seed, isTracing: true)
  let second = Simulation.run(seed: seed, isTracing: true)
  #expect(first.digest == second.digest)
  #expect(first.trace == second.trace)
  #expect(first.steps > 100)
}

@Test("Seeds differ from each other")
func seedsDiffer() {
  #expect(Set((1...50).map { Simulation.run(seed: $0).digest }).count == 50)
}

@Test("A fault that is left out does not strike, and the horizon is cut")
func options() {
  let whole = Simulation.run(seed: 26)
  var options = Simulation.Options()
  options.disabled = [whole.faults[0]]
  options.horizon = .seconds(5)
  let cut = Simulation.run(seed: 26, options: options)
  #expect(cut.faults == Array(whole.faults.dropFirst()))
  #expect(cut.horizon == .seconds(5))
  #expect(cut.command.contains("--horizon-ms 5000 --without \(whole.faults[0]) --trace"))
}
