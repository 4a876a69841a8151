internal import ArgumentParser
internal import BackupModel
internal import Simulation

@main
struct BelaySimulate: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "belay-simulate",
    abstract: "Run the coordinator's and the workers' cores in a simulated world full of faults.",
    discussion: """
      A seed is a run: the same faults, requests and delays, at the same times. A run that breaks a law is shrunk \
      to fewer faults and a shorter time, and the command that repeats it is printed. The exit status is 1 then, \
      and also if a batch of 1000 seeds or more never showed one of the situations that it has to show.
      """)

  @Option(help: "Run this seed alone.")
  var seed: UInt64?

  @Option(help: "Run so many seeds.")
  var seeds: Int = 1_000

  @Option(help: "The first of them.")
  var first: UInt64 = 1

  @Flag(help: "Print what happens, line by line. With --seed only.")
  var trace = false

  @Option(
    name: .customLong("without"),
    help: "A fault to leave out, by name. May be repeated.")
  var without: [Fault] = []

  @Option(help: "End the time of faults and requests after so many milliseconds.")
  var horizonMS: Int?

  func validate() throws {
    if seeds < 1 { throw ValidationError("--seeds has to be at least 1") }
    if let horizonMS, horizonMS < 1 {
      throw ValidationError("--horizon-ms has to be at least 1")
    }
    if trace && seed == nil { throw ValidationError("--trace needs --seed") }
  }

  func run() throws {
    var options = Simulation.Options()
    options.disabled = Set(without)
    options.horizon = horizonMS.map { .milliseconds($0) }
    let isClean = if let seed { runOne(seed, options) } else { runBatch(options) }
    if !isClean { throw ExitCode.failure }
  }

  private func runOne(_ seed: UInt64, _ options: Simulation.Options) -> Bool {
    let outcome = Simulation.run(seed: seed, options: options, isTracing: trace)
    for line in outcome.trace { print(line) }
    let seen = outcome.sightings.map { "\($0)" }.sorted().joined(separator: ", ")
    print(
      "seed \(seed): \(outcome.steps) steps, \(outcome.records) records, faults \(outcome.faults), seen \(seen)"
    )
    show(outcome)
    return outcome.violations.isEmpty
  }

  private func runBatch(_ options: Simulation.Options) -> Bool {
    let clock = ContinuousClock()
    var seen: [Sighting: Int] = [:]
    var failures = 0
    let took = clock.measure {
      for seed in first..<(first + UInt64(seeds)) {
        let outcome = Simulation.run(seed: seed, options: options)
        for sighting in outcome.sightings { seen[sighting, default: 0] += 1 }
        guard !outcome.violations.isEmpty else { continue }
        failures += 1
        if failures <= 10 { show(Simulation.shrink(outcome)) }
      }
    }
    let rate = Double(seeds) / (took / .seconds(1))
    print("\(seeds) seeds from \(first), \(failures) failed, \(Int(rate)) seeds/s")
    for sighting in Sighting.allCases { print("  \(sighting): \(seen[sighting] ?? 0) seeds") }
    let isMissing = seeds >= 1_000 && Sighting.allCases.contains { seen[$0] == nil }
    if isMissing { print("A situation that a batch has to show was never seen.") }
    return failures == 0 && !isMissing
  }

  private func show(_ outcome: Simulation.Outcome) {
    guard !outcome.violations.isEmpty else { return }
    print("seed \(outcome.seed) breaks, with \(outcome.faults) in \(outcome.horizon):")
    for violation in outcome.violations { print("  \(violation.law): \(violation.detail)") }
    print("  \(outcome.command)")
  }
}

extension Fault: ExpressibleByArgument {
  public init?(argument: String) {
    guard let fault = Fault.allCases.first(where: { "\($0)" == argument }) else { return nil }
    self = fault
  }

  public static var allValueStrings: [String] { allCases.map { "\($0)" } }
}
