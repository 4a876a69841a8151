internal import BackupModel

extension WorkerStateMachine {
  mutating func perform(_ duty: Duty, _ effects: inout Effects) {
    guard !runningDuties.contains(duty) else { return }  // A repeat: under way.
    guard runningDuties.count < Self.maxDuties else {
      report(DutyReport(duty: duty, failure: "The worker has too much clean-up to do"), &effects)
      return
    }
    runningDuties.append(duty)
    effects.duties.append(duty)
  }

  mutating func dutyEnded(_ duty: Duty, failure: StepFailure?, _ effects: inout Effects) {
    guard let index = runningDuties.firstIndex(of: duty) else {
      preconditionFailure("a duty ended that does not run: \(duty)")
    }
    runningDuties.remove(at: index)
    report(
      DutyReport(
        duty: duty, failure: failure?.message, isPermanent: failure?.isRetryable == false),
      &effects)
  }

  /// The newest word on a duty replaces an older one; past the bound the oldest is dropped, and asked for again.
  private mutating func report(_ ended: DutyReport, _ effects: inout Effects) {
    endedDuties.removeAll { $0.duty == ended.duty }
    if endedDuties.count == Self.maxDuties { endedDuties.removeFirst() }
    endedDuties.append(ended)
    effects.isReportDue = true
  }
}
