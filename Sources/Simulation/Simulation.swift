internal import BackupModel

/// One simulated run of the two cores: a function of its seed and options.
package struct Simulation: Sendable {
  package struct Options: Sendable, Hashable {
    /// Faults that are left out although the seed draws them.
    package var disabled: Set<Fault> = []
    /// Cuts the time in which faults strike and people act. Nil: as the seed draws it.
    package var horizon: Duration?

    package init() {}
  }

  package struct Outcome: Sendable {
    package let seed: UInt64
    package let options: Options
    /// Empty: every law held.
    package let violations: [Violation]
    package let sightings: Set<Sighting>
    /// The faults that could strike.
    package let faults: [Fault]
    package let horizon: Duration
    package let steps: Int
    package let records: Int
    /// Empty unless it was asked for.
    package let trace: [String]
    /// Equal for runs in which the same things happened at the same times.
    package let digest: UInt64
  }

  package static func run(seed: UInt64, options: Options = Options(), isTracing: Bool = false)
    -> Outcome
  {
    let world = World(
      seed: seed, disabled: options.disabled, horizon: options.horizon, isTracing: isTracing)
    world.run()
    return Outcome(
      seed: seed, options: options, violations: world.violations, sightings: world.sightings,
      faults: world.faults.enabled, horizon: world.scenario.horizon, steps: world.steps,
      records: world.store.sessions.reduce(0) { $0 + $1.records.count }, trace: world.trace,
      digest: world.digest)
  }

  /// The smallest set of faults and the shortest horizon, found one after the other, with which the seed still
  /// breaks the same law.
  package static func shrink(_ failed: Outcome) -> Outcome {
    guard let law = failed.violations.first?.law else { return failed }
    var best = failed
    func improves(_ options: Options) -> Bool {
      let outcome = run(seed: failed.seed, options: options)
      guard outcome.violations.first?.law == law else { return false }
      best = outcome
      return true
    }
    var wasImproved = true
    while wasImproved {
      wasImproved = false
      for fault in best.faults {
        var options = best.options
        options.disabled.insert(fault)
        if improves(options) { wasImproved = true }
      }
      for share in [0.5, 0.8] {
        var options = best.options
        options.horizon = best.horizon * share
        if best.horizon > .seconds(1), improves(options) { wasImproved = true }
      }
    }
    return best
  }
}

extension Simulation.Outcome {
  /// The command that repeats this run.
  package var command: String {
    var words = ["swift run belay-simulate --seed \(seed)"]
    if let horizon = options.horizon {
      words.append("--horizon-ms \(Int(horizon / .milliseconds(1)))")
    }
    for fault in options.disabled.sorted(by: { $0.rawValue < $1.rawValue }) {
      words.append("--without \(fault)")
    }
    return (words + ["--trace"]).joined(separator: " ")
  }
}
