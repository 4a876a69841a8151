internal import BackupModel

extension WorkerStateMachine {
  /// First it drains: it takes no new task and ends when it is idle. Then it interrupts what it has.
  mutating func terminate(_ effects: inout Effects) {
    switch service {
    case .serving:
      service = .draining
      effects.isReportDue = true
    case .draining:
      service = .canceling
      updateAll(&effects) { $0.interrupt(reason: "The worker is shutting down") }
    case .canceling: break  // A repeat: it does what it can.
    }
  }
}
