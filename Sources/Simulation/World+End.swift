internal import BackupModel

// The liveness laws: after healing, everything comes to rest, and nothing is left.
extension World {
  /// Whether nothing is left to do, so that the run may end before its time.
  var isQuiet: Bool {
    oracles.allSatisfy(\.isSettled) && hypervisor.checkpoints.isEmpty
      && repository.staging.isEmpty && calls.allSatisfy(\.isAnswered)
      && watchers.allSatisfy(\.isTold)
      && workers.allSatisfy { $0.isRetired || ($0.isRunning && $0.operations.isEmpty) }
  }

  func checkAtTheEnd() {
    if steps > World.maxSteps { fail("theRunEnds", "\(steps) steps") }
    everySessionEnds()
    everyCheckpointIsRemoved()
    noStagedDataIsKeptForEver()
    everyWatcherIsTold()
    everyRequestIsAnswered()
    listedIffCommittedAndPublished()
    atMostOneRestorePointPerVMPerSession()
    olderRestorePointsAreUntouched()
    if faults.enabled.isEmpty { nothingFailsWithoutAFault() }
  }

  /// A stop alone never makes a VM fail, and a graceful one never takes its restore point (§3).
  private func nothingFailsWithoutAFault() {
    for oracle in oracles where oracle.job.type != .restore {
      for (index, task) in oracle.tasks.enumerated()
      where task.end == .failed || task.end == .warning {
        fail("nothingFailsWithoutAFault", "task \(index + 1) of \(oracle.id)")
      }
    }
  }

  private func everySessionEnds() {
    for oracle in oracles where oracle.result == nil {
      fail(
        oracle.hasStop ? "everyStopEndsWithinItsBounds" : "everySessionEnds",
        "\(oracle.id) has not ended")
    }
    for oracle in oracles where oracle.result != nil && !oracle.isSettled {
      fail("everySessionSettles", "\(oracle.id) still owes something")
    }
  }

  private func everyCheckpointIsRemoved() {
    for checkpoint in hypervisor.checkpoints {
      fail("everyCheckpointIsRemoved", "\(checkpoint.record.name) on \(checkpoint.host)")
    }
    for oracle in oracles {
      for name in oracle.ledger.keys.sorted() where oracle.ledger[name] != .removed {
        fail("everyCheckpointIsRemoved", "\(name) is not struck off")
      }
    }
  }

  private func noStagedDataIsKeptForEver() {
    for attempt in repository.stagedAttempts {
      fail("noStagedDataIsKeptForEver", "of \(attempt)")
    }
  }

  private func everyWatcherIsTold() {
    for watcher in watchers where !watcher.isTold {
      fail("everyWatcherIsTold", "of \(watcher.session), at #\(watcher.sequence)")
    }
  }

  private func everyRequestIsAnswered() {
    for call in calls where !call.isAnswered {
      fail("everyRequestIsAnswered", "\(brief(call.request)), sent \(call.tries) times")
    }
  }

  private func listedIffCommittedAndPublished() {
    for oracle in oracles {
      for (index, task) in oracle.tasks.enumerated() {
        guard let commitment = task.commitment else { continue }
        let result = repository.results[commitment.name]
        let isListed =
          result?.attempt.number == task.committedAttempt
          && result?.attempt.task == TaskID(session: oracle.id, ordinal: index + 1)
        if isListed == task.isGivenUp {
          fail(
            "listedIffCommittedAndPublished",
            "task \(index + 1) of \(oracle.id) is \(isListed ? "listed, and was given up" : "not listed")"
          )
        }
      }
    }
  }

  private func atMostOneRestorePointPerVMPerSession() {
    for oracle in oracles {
      var seen: [VirtualMachineID] = []
      for (index, object) in oracle.job.objects.enumerated() {
        let id = RestorePointID(task: TaskID(session: oracle.id, ordinal: index + 1))
        guard repository.results[.point(id)] != nil else { continue }
        if seen.contains(object.virtualMachine) {
          fail("atMostOneRestorePointPerVMPerSession", "\(object.virtualMachine) in \(oracle.id)")
        }
        seen.append(object.virtualMachine)
      }
    }
  }

  private func olderRestorePointsAreUntouched() {
    for (name, result) in olderResults where repository.results[name] != result {
      fail("olderRestorePointsAreUntouched", "\(name)")
    }
  }
}
