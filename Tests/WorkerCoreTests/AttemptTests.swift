import BackupModel
import Testing

@testable import WorkerCore

/// Answers every step with success until the attempt asks for nothing more.
private func run(_ attempt: inout AttemptStateMachine, _ first: [AttemptStep]) -> [String] {
  var seen: [String] = []
  var waiting = first
  while !waiting.isEmpty {
    let step = waiting.removeFirst()
    seen.append(name(step))
    let result: StepResult? =
      switch step {
      case .createCheckpoint: .checkpointCreated
      case .transfer: .transferred
      case .cutTransfer: nil
      case .stage: .staged(commitment)
      case .publish: .published
      case .discardStaging: .stagingDiscarded
      case .removeCheckpoint: .checkpointRemoved
      case .verifyRemoval: .removalVerified
      }
    if let result { waiting += attempt.stepEnded(result, at: start) }
  }
  return seen
}

@Test("A backup goes from checkpoint to publication and leaves none behind")
func backupSucceeds() {
  var attempt = AttemptStateMachine(specification())
  var seen = run(&attempt, attempt.proceed())
  #expect(attempt.report.readyToCommit == commitment)
  #expect(!attempt.report.isPublished)
  seen += run(&attempt, attempt.commit())
  #expect(
    seen == [
      "createCheckpoint", "transfer", "stage", "publish", "removeCheckpoint", "verifyRemoval",
    ])
  #expect(attempt.report.outcome == .succeeded)
  #expect(attempt.report.isPublished)
  #expect(attempt.report.checkpoint == .removed)
}

@Test("A restore takes the same path without a checkpoint")
func restoreSucceeds() {
  var attempt = AttemptStateMachine(specification(type: .restore))
  var seen = run(&attempt, attempt.proceed())
  seen += run(&attempt, attempt.commit())
  #expect(seen == ["transfer", "stage", "publish"])
  #expect(attempt.report.outcome == .succeeded)
  #expect(attempt.report.checkpoint == .none)
}

@Test("A canceled transfer is cut before its checkpoint is removed, and staging goes last")
func cancelOrder() {
  var attempt = Point.transferring.reach()
  #expect(attempt.cancel() == [.cutTransfer])
  #expect(attempt.stepEnded(.transferCut, at: start) == [.removeCheckpoint])
  #expect(attempt.stepEnded(.checkpointRemoved, at: start) == [.verifyRemoval])
  #expect(attempt.report.outcome == nil)
  #expect(attempt.stepEnded(.removalVerified, at: start) == [.discardStaging])
  #expect(attempt.stepEnded(.stagingDiscarded, at: start) == [])
  #expect(attempt.report.outcome == .canceled)
}

@Test("A transfer that ended just before the cut is not staged")
func lateTransfer() {
  var attempt = Point.unwindingTransfer.reach()
  #expect(attempt.stepEnded(.transferred, at: start) == [.removeCheckpoint])
}

@Test("A checkpoint whose creation failed is removed all the same: it may be there")
func doubtfulCheckpoint() {
  var attempt = Point.creatingCheckpoint.reach()
  #expect(attempt.stepEnded(.checkpointFailed(failure), at: start) == [.removeCheckpoint])
  #expect(attempt.report.checkpoint == .none)
  #expect(attempt.stepEnded(.checkpointRemoved, at: start) == [.verifyRemoval])
  #expect(attempt.stepEnded(.removalVerified, at: start) == [])
  #expect(attempt.report.checkpoint == .removed)
  #expect(attempt.report.outcome == .failed(message: "broken", isRetryable: true))
}

@Test("A failure anywhere before the permit is undone and reported with its reason")
func failuresUnwind() {
  for (point, result) in [
    (Point.transferring, StepResult.transferFailed(failure)), (.staging, .stagingFailed(failure)),
  ] {
    var attempt = point.reach()
    let seen = run(&attempt, attempt.stepEnded(result, at: start))
    #expect(seen == ["removeCheckpoint", "verifyRemoval", "discardStaging"], "\(point)")
    #expect(attempt.report.outcome == .failed(message: "broken", isRetryable: true), "\(point)")
  }
}

@Test("Removal is tried again after 1, 2, 4, 8, 16, 30, 30 s, and staging does not wait for it")
func removalBackoff() {
  var attempt = Point.removing.reach()
  var steps = attempt.stepEnded(.removalFailed(message: "busy"), at: start)
  #expect(steps == [.discardStaging])
  _ = attempt.stepEnded(.stagingDiscarded, at: start)
  var now = 0
  for (index, wait) in [1, 2, 4, 8, 16, 30, 30].enumerated() {
    #expect(
      attempt.report.checkpoint == .removalFailed(tries: index + 1, message: "busy"), "\(wait) s")
    now += wait
    #expect(attempt.deadline == seconds(now))
    #expect(attempt.timePassed(at: seconds(now - 1)) == [])
    #expect(attempt.timePassed(at: seconds(now)) == [.removeCheckpoint])
    steps = attempt.stepEnded(.removalFailed(message: "busy"), at: seconds(now))
  }
  #expect(attempt.report.outcome == nil)
  let released = attempt.release()
  #expect(released.isForgotten)
}

@Test("A checkpoint that is still listed counts as not removed")
func stillListed() {
  var attempt = Point.verifying.reach()
  _ = attempt.stepEnded(.removalFailed(message: "still listed"), at: start)
  #expect(attempt.report.checkpoint == .removalFailed(tries: 1, message: "still listed"))
  #expect(attempt.timePassed(at: seconds(1)) == [.removeCheckpoint])
}

@Test("A publication that fails for now is tried again")
func publicationBackoff() {
  var attempt = Point.waitingToPublish.reach()
  #expect(attempt.deadline == seconds(1))
  #expect(attempt.timePassed(at: seconds(1)) == [.publish(commitment)])
  _ = attempt.stepEnded(.publishFailed(failure), at: seconds(1))
  #expect(attempt.deadline == seconds(3))
}

@Test(
  "A publication that can never succeed fails for good, and its staging waits for the coordinator's word",
  arguments: [Point.publishing, .publishingAbandoned])
func impossiblePublication(point: Point) {
  var attempt = point.reach()
  let failure = StepFailure("the target exists", isRetryable: false)
  let seen = run(&attempt, attempt.stepEnded(.publishFailed(failure), at: start))
  #expect(seen == ["removeCheckpoint", "verifyRemoval"])
  #expect(attempt.report.outcome == .failed(message: "the target exists", isRetryable: false))
  #expect(!attempt.report.isPublished)
}

@Test("A publication that is left to another worker may yet succeed")
func publicationLeft() {
  for point in [Point.publishing, .waitingToPublish] {
    var attempt = point.reach()
    _ = run(&attempt, attempt.abandon())
    if point == .publishing {
      _ = run(&attempt, attempt.stepEnded(.publishFailed(failure), at: start))
    }
    guard case .failed(_, isRetryable: true) = attempt.report.outcome else {
      Issue.record("\(point): \(String(describing: attempt.report.outcome))")
      continue
    }
  }
}

@Test("What may be committed is never discarded without the coordinator's word")
func parkedStaging() {
  var attempt = Point.awaitingPermit.reach()
  let seen = run(&attempt, attempt.interrupt(reason: "lease"))
  #expect(seen == ["removeCheckpoint", "verifyRemoval"])
  #expect(attempt.isAtRest)
  #expect(attempt.report.outcome == nil)
  #expect(attempt.report.readyToCommit == commitment)
  #expect(run(&attempt, attempt.commit()) == ["publish"])
  #expect(attempt.report.outcome == .succeeded)
}

@Test("A committed attempt that is abandoned leaves its staging to the one who publishes")
func abandonedPublication() {
  var attempt = Point.publishingAbandoned.reach()
  let seen = run(&attempt, attempt.stepEnded(.publishFailed(failure), at: start))
  #expect(seen == ["removeCheckpoint", "verifyRemoval"])
  #expect(attempt.isEnded)
  #expect(!attempt.report.isPublished)
}

@Test("Progress never goes back")
func progressIsMonotone() {
  var attempt = Point.transferring.reach()
  attempt.advance(to: TaskProgress(totalBytes: 10, processedBytes: 5, readBytes: 4, storedBytes: 3))
  attempt.advance(to: TaskProgress(totalBytes: 10, processedBytes: 4, readBytes: 6, storedBytes: 1))
  #expect(
    attempt.report.progress
      == TaskProgress(totalBytes: 10, processedBytes: 5, readBytes: 6, storedBytes: 3))
}

@Test("The report tells each state's phase and what is to be known of it")
func reports() {
  let expected: [(Point, TaskPhase, AttemptReport.Checkpoint, isReady: Bool)] = [
    (.assigned, .preparing, .none, false),
    (.creatingCheckpoint, .creatingCheckpoint, .none, false),
    (.transferring, .transferring, .created, false),
    (.staging, .finalizing, .created, false),
    (.awaitingPermit, .finalizing, .created, true),
    (.publishing, .finalizing, .created, true),
    (.finishing, .removingCheckpoint, .created, true),
    (.ended, .removingCheckpoint, .removed, true),
    (.unwindingTransfer, .transferring, .created, false),
    (.removing, .removingCheckpoint, .created, false),
    (.canceled, .removingCheckpoint, .removed, false),
  ]
  for (point, phase, checkpoint, isReady) in expected {
    let report = point.reach().report
    #expect(report.phase == phase, "\(point)")
    #expect(report.checkpoint == checkpoint, "\(point)")
    #expect((report.readyToCommit != nil) == isReady, "\(point)")
  }
}
