internal import BackupModel

/// What can go wrong. Each run has a random subset of these, each at a random rate (swarm testing).
package enum Fault: Int, CaseIterable, Sendable {
  /// The coordinator's process dies at any time.
  case coordinatorCrash
  /// It dies between two of: step, commit, reply, directive.
  case coordinatorCrashInBatch
  case storeFails
  /// The store does not say whether it wrote.
  case storeOutcomeUnknown
  case storeIsSlow
  case workerCrash
  /// The process stands still, past its lease or not, and goes on: a zombie.
  case workerStalls
  /// SIGTERM, and sometimes a second one.
  case workerTerminated
  /// The process ends and never comes back; another worker of its host is left.
  case workerRetires
  case connectionLost
  /// One end or both are not told that a connection is gone.
  case connectionHalfOpen
  /// A worker can't connect for a while.
  case partition
  case networkIsSlow
  case replyLost
  case creationFails
  /// It reports a failure, and the checkpoint is there all the same.
  case creationTimesOut
  case removalFails
  /// It reports a failure, and the checkpoint is gone all the same.
  case removalTimesOut
  case listingFails
  case transferFails
  case transferIsSlow
  case stagingFails
  case publishFails
  case discardFails
  case watcherDisconnects
  /// Someone makes a Restore's target directory after it was staged.
  case targetAppears
}

/// The faults of one run.
struct FaultPlan {
  /// By fault: for what happens at any time the mean interval in seconds, for the rest a probability. 0: never.
  private var rates = [Double](repeating: 0, count: Fault.allCases.count)

  init(seed: UInt64, disabled: Set<Fault>) {
    var random = Random(seed: seed, purpose: 1)
    let share = [0.0, 0.15, 0.35, 0.6][random.int(0...3)]
    for fault in Fault.allCases {
      let isOn = random.chance(share)
      let rate = Self.rate(of: fault, random.unit())
      if isOn && !disabled.contains(fault) { rates[fault.rawValue] = rate }
    }
  }

  subscript(_ fault: Fault) -> Double { rates[fault.rawValue] }

  var enabled: [Fault] { Fault.allCases.filter { rates[$0.rawValue] > 0 } }

  /// Those that strike at any time, with their mean intervals.
  static let spontaneous: [Fault] = [
    .coordinatorCrash, .workerCrash, .workerStalls, .workerTerminated, .workerRetires,
    .connectionLost, .connectionHalfOpen, .partition, .watcherDisconnects,
  ]

  /// A share of the enabled faults is rare, and a share frequent.
  private static func rate(of fault: Fault, _ unit: Double) -> Double {
    if fault == .workerRetires { return 60 + 600 * unit }
    if spontaneous.contains(fault) { return 15 + 285 * unit * unit }
    switch fault {
    case .coordinatorCrashInBatch, .storeFails, .storeOutcomeUnknown:
      return 0.002 + 0.05 * unit * unit
    case .replyLost: return 0.05 + 0.5 * unit
    default: return 0.01 + 0.6 * unit * unit
    }
  }
}
