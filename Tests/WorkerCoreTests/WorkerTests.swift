import BackupModel
import Testing

@testable import WorkerCore

private func worker(slots: Int = 2, assigned ordinals: Int...) -> WorkerStateMachine {
  var worker = WorkerStateMachine(slots: slots)
  _ = worker.handle(.leaseGranted(until: seconds(30)), at: start)
  for ordinal in ordinals {
    _ = worker.handle(.directive(.assign(specification(ordinal))), at: start)
  }
  return worker
}

private func reported(_ worker: WorkerStateMachine) -> [AttemptID] {
  var copy = worker
  return copy.takeReport().attempts.map(\.attempt)
}

private let duty = Duty.discardStaging(specification(9))

@Test("An assigned task is acknowledged by the report and not touched")
func assignment() {
  var worker = worker()
  let effects = worker.handle(.directive(.assign(specification())), at: start)
  #expect(effects.isReportDue)
  #expect(effects.steps.isEmpty)
  #expect(reported(worker) == [attemptID()])
}

@Test("A task past the slots is not taken, and the next report is without it")
func slots() {
  var worker = worker(slots: 1, assigned: 1)
  let effects = worker.handle(.directive(.assign(specification(2))), at: start)
  #expect(!effects.isReportDue)
  #expect(reported(worker) == [attemptID(1)])
}

@Test("An ended attempt frees its slot at once and stays in the report until it is released")
func endedAttempts() {
  var worker = worker(slots: 1, assigned: 1)
  _ = worker.handle(.directive(.cancel(attemptID(1))), at: start)
  _ = worker.handle(.directive(.assign(specification(2))), at: start)
  #expect(reported(worker) == [attemptID(1), attemptID(2)])
  _ = worker.handle(.directive(.release(attemptID(1))), at: start)
  #expect(reported(worker) == [attemptID(2)])
}

@Test("A running attempt is not forgotten by a release")
func earlyRelease() {
  var worker = worker(assigned: 1)
  _ = worker.handle(.directive(.release(attemptID(1))), at: start)
  #expect(reported(worker) == [attemptID(1)])
}

@Test("A directive for an attempt that is not here does nothing")
func unknownAttempt() {
  for directive in [
    Directive.proceed(attemptID(7)), .commit(attemptID(7)), .cancel(attemptID(7)),
    .abandon(attemptID(7)),
  ] {
    var worker = worker(assigned: 1)
    let effects = worker.handle(.directive(directive), at: start)
    #expect(effects == WorkerStateMachine.Effects(), "\(directive)")
    #expect(reported(worker) == [attemptID(1)], "\(directive)")
  }
}

@Test("When its lease runs out the worker stops by itself what may not go on")
func selfFencing() {
  var worker = worker(assigned: 1, 2)
  _ = worker.handle(.directive(.proceed(attemptID(1))), at: start)
  _ = worker.handle(.stepEnded(attemptID(1), .checkpointCreated), at: start)
  #expect(worker.deadline == seconds(30))
  #expect(worker.handle(.timePassed, at: seconds(29)).steps.isEmpty)
  let effects = worker.handle(.timePassed, at: seconds(30))
  #expect(effects.steps.map(\.step) == [.cutTransfer])
  let outcomes = worker.takeReport().attempts.map(\.outcome)
  #expect(
    outcomes == [nil, .failed(message: "The worker lost its lease", isRetryable: true)])
}

@Test("A renewed lease is not lost at its old end")
func renewal() {
  var worker = worker(assigned: 1)
  _ = worker.handle(.leaseGranted(until: seconds(60)), at: seconds(20))
  #expect(worker.handle(.timePassed, at: seconds(30)).steps.isEmpty)
  #expect(worker.deadline == seconds(60))
}

@Test("A lease that ran out unnoticed counts as lost before the next directive's work begins")
func lateNotice() {
  var worker = worker(assigned: 1)
  let effects = worker.handle(.directive(.proceed(attemptID(1))), at: seconds(31))
  #expect(effects.steps.map(\.step) == [])
}

@Test("Without a lease no task is taken; with a new one it is")
func expiredLease() {
  var worker = worker()
  _ = worker.handle(.timePassed, at: seconds(30))
  _ = worker.handle(.directive(.assign(specification(1))), at: seconds(31))
  #expect(reported(worker) == [])
  _ = worker.handle(.leaseGranted(until: seconds(90)), at: seconds(31))
  _ = worker.handle(.directive(.assign(specification(1))), at: seconds(31))
  #expect(reported(worker) == [attemptID(1)])
}

@Test("A duty is begun once, reported once, and done again when asked again")
func duties() {
  var worker = worker()
  #expect(worker.handle(.directive(.perform(duty)), at: start).duties == [duty])
  #expect(worker.handle(.directive(.perform(duty)), at: start).duties == [])
  let ended = worker.handle(
    .dutyEnded(duty, failure: StepFailure("read-only", isRetryable: true)), at: start)
  #expect(ended.isReportDue)
  #expect(worker.takeReport().duties == [DutyReport(duty: duty, failure: "read-only")])
  #expect(worker.takeReport().duties == [])
  #expect(worker.handle(.directive(.perform(duty)), at: start).duties == [duty])
}

@Test("A publication that nobody can ever do is reported as such")
func impossibleDuty() {
  var worker = worker()
  let duty = Duty.publish(specification(), commitment)
  _ = worker.handle(.directive(.perform(duty)), at: start)
  _ = worker.handle(
    .dutyEnded(duty, failure: StepFailure("fenced", isRetryable: false)), at: start)
  #expect(
    worker.takeReport().duties == [DutyReport(duty: duty, failure: "fenced", isPermanent: true)])
}

@Test("Duties past the bound are refused with a reason, and reports of them are bounded too")
func dutiesAreBounded() {
  var worker = worker()
  for ordinal in 1...200 {
    _ = worker.handle(.directive(.perform(.discardStaging(specification(ordinal)))), at: start)
  }
  #expect(worker.runningDuties.count == 64)
  let report = worker.takeReport()
  #expect(report.duties.count == 64)
  #expect(report.duties.allSatisfy { $0.failure == "The worker has too much clean-up to do" })
}

@Test("A first request to terminate drains: no new task, and the end when idle")
func drain() {
  var worker = worker(assigned: 1)
  #expect(!worker.isFinished)
  #expect(worker.handle(.terminate, at: start).isReportDue)
  #expect(worker.takeReport().isDraining)
  _ = worker.handle(.directive(.assign(specification(2))), at: start)
  #expect(reported(worker) == [attemptID(1)])
  #expect(worker.handle(.directive(.proceed(attemptID(1))), at: start).steps.count == 1)
  #expect(!worker.isFinished)
  _ = worker.handle(.directive(.cancel(attemptID(1))), at: start)
  _ = worker.handle(.stepEnded(attemptID(1), .checkpointFailed(failure)), at: start)
  _ = worker.handle(.stepEnded(attemptID(1), .checkpointRemoved), at: start)
  _ = worker.handle(.stepEnded(attemptID(1), .removalVerified), at: start)
  #expect(!worker.isFinished)
  _ = worker.handle(.directive(.release(attemptID(1))), at: start)
  #expect(worker.isFinished)
}

@Test("A draining worker without a coordinator ends when its attempts have")
func drainAlone() {
  var worker = worker(assigned: 1)
  _ = worker.handle(.terminate, at: start)
  _ = worker.handle(.timePassed, at: seconds(30))
  #expect(worker.isFinished)
}

@Test("A draining worker finishes its duties")
func drainDuties() {
  var worker = worker()
  _ = worker.handle(.directive(.perform(duty)), at: start)
  _ = worker.handle(.terminate, at: start)
  #expect(!worker.isFinished)
  _ = worker.handle(.dutyEnded(duty, failure: nil), at: start)
  #expect(worker.isFinished)
}

@Test("A second request to terminate interrupts what runs")
func cancelAll() {
  var worker = worker(assigned: 1, 2)
  _ = worker.handle(.directive(.proceed(attemptID(1))), at: start)
  _ = worker.handle(.stepEnded(attemptID(1), .checkpointCreated), at: start)
  _ = worker.handle(.terminate, at: start)
  let effects = worker.handle(.terminate, at: start)
  #expect(effects.steps.map(\.step) == [.cutTransfer])
  #expect(!worker.isFinished)
  for result in [
    StepResult.transferCut, .checkpointRemoved, .removalVerified, .stagingDiscarded,
  ] { _ = worker.handle(.stepEnded(attemptID(1), result), at: start) }
  #expect(worker.isFinished)
}

@Test(
  "A directive that changes nothing is not answered at once: repeats can't storm",
  arguments: [
    Directive.assign(specification(1)), .proceed(attemptID(1)), .cancel(attemptID(1)),
    .abandon(attemptID(1)), .commit(attemptID(1)), .release(attemptID(1)),
  ])
func noStorm(directive: Directive) {
  var worker = worker(assigned: 1)
  _ = worker.handle(.directive(.proceed(attemptID(1))), at: start)
  _ = worker.handle(.stepEnded(attemptID(1), .checkpointCreated), at: start)
  _ = worker.handle(.directive(directive), at: start)
  #expect(!worker.handle(.directive(directive), at: start).isReportDue)
}
