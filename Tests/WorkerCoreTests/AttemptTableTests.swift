import BackupModel
import Testing

@testable import WorkerCore

/// Point, order, steps given, state after. A pair that is not listed changes nothing and gives no step.
private let table = """
  assigned             proceed     createCheckpoint  → creatingCheckpoint
  assigned             cancel      nothing           → ended canceled
  assigned             abandon     nothing           → ended canceled
  assigned             interrupt   nothing           → ended failed, retryable
  creatingCheckpoint   cancel      nothing           → unwinding
  creatingCheckpoint   abandon     nothing           → unwindingHandedOver
  creatingCheckpoint   interrupt   nothing           → unwinding
  transferring         cancel      cutTransfer       → unwinding
  transferring         abandon     cutTransfer       → unwindingHandedOver
  transferring         interrupt   cutTransfer       → unwinding
  staging              cancel      nothing           → unwinding
  staging              abandon     nothing           → unwindingHandedOver
  staging              interrupt   nothing           → unwinding
  awaitingPermit       commit      publish           → publishing
  awaitingPermit       cancel      removeCheckpoint  → unwinding
  awaitingPermit       abandon     removeCheckpoint  → unwindingHandedOver
  awaitingPermit       interrupt   removeCheckpoint  → parked
  parked               commit      publish           → publishing
  parked               cancel      nothing           → unwinding
  parked               abandon     nothing           → unwindingHandedOver
  publishing           abandon     nothing           → publishingAbandoned
  waitingToPublish     abandon     removeCheckpoint  → unwindingHandedOver
  waitingToPublish     timePassed  publish           → publishing
  finishingWaits       abandon     nothing           → ended succeeded
  finishingWaits       release     nothing           → ended succeeded
  finishingWaits       timePassed  removeCheckpoint  → finishing
  unwindingCreation    abandon     nothing           → unwindingHandedOver
  unwindingCreation    release     nothing           → unwindingHandedOver
  unwindingTransfer    abandon     nothing           → unwindingHandedOver
  unwindingTransfer    release     nothing           → unwindingHandedOver
  unwindingStaging     abandon     nothing           → unwindingHandedOver
  unwindingStaging     release     nothing           → unwindingHandedOver
  removing             abandon     nothing           → unwindingHandedOver
  removing             release     nothing           → unwindingHandedOver
  verifying            abandon     nothing           → unwindingHandedOver
  verifying            release     nothing           → unwindingHandedOver
  removalWaits         abandon     nothing           → ended canceled
  removalWaits         release     nothing           → ended canceled
  removalWaits         timePassed  removeCheckpoint  → unwinding
  discarding           abandon     nothing           → unwindingHandedOver
  discarding           release     nothing           → unwindingHandedOver
  discardWaits         abandon     nothing           → ended canceled
  discardWaits         release     nothing           → ended canceled
  discardWaits         timePassed  discardStaging    → unwinding
  """

private struct Answer: Equatable, CustomStringConvertible {
  let steps: String
  let state: String
  var description: String { "\(steps) → \(state)" }
}

private let answers: [String: Answer] = {
  var answers: [String: Answer] = [:]
  for line in table.split(separator: "\n") {
    let sides = line.split(separator: "→").map { $0.split(separator: " ") }
    let key = sides[0][0] + " " + sides[0][1]
    answers[String(key)] = Answer(
      steps: sides[0].dropFirst(2).joined(separator: " "), state: sides[1].joined(separator: " "))
  }
  return answers
}()

@Test(
  "Every state has an answer to every directive, lost lease and passing of time",
  arguments: Point.allCases)
func everyPairIsAnswered(point: Point) {
  for order in Order.allCases {
    var attempt = point.reach()
    let before = attempt
    let given = order.give(to: &attempt)
    let expected = answers["\(point) \(order)"]
    if let expected {
      let steps = given.isEmpty ? "nothing" : given.map(name).joined(separator: " ")
      #expect(Answer(steps: steps, state: name(attempt)) == expected, "\(order) in \(point)")
    } else {
      #expect(attempt == before && given.isEmpty, "\(order) in \(point)")
    }
  }
}

@Test("A directive that is repeated changes nothing more", arguments: Point.allCases)
func repeatsAreHarmless(point: Point) {
  for order in Order.allCases where order != .timePassed {
    var attempt = point.reach()
    _ = order.give(to: &attempt)
    let once = attempt
    let again = order.give(to: &attempt)
    #expect(attempt == once && again.isEmpty, "\(order) twice in \(point)")
  }
}
