internal import BackupModel

extension WorkerStateMachine {
  mutating func follow(_ directive: Directive, _ effects: inout Effects) {
    switch directive {
    case .assign(let specification): assign(specification, &effects)
    case .proceed(let attempt): update(attempt, &effects) { $0.proceed() }
    case .commit(let attempt): update(attempt, &effects) { $0.commit() }
    case .cancel(let attempt): update(attempt, &effects) { $0.cancel() }
    case .abandon(let attempt): update(attempt, &effects) { $0.abandon() }
    case .release(let attempt): release(attempt, &effects)
    case .perform(let duty): perform(duty, &effects)
    }
  }

  /// Takes the task, if it may and has a slot. Else the next report is without it.
  private mutating func assign(_ specification: TaskSpecification, _ effects: inout Effects) {
    guard index(of: specification.attempt) == nil, service == .serving, lease != .expired,
      attempts.count(where: { !$0.isEnded }) < slots
    else { return }
    attempts.append(AttemptStateMachine(specification))
    effects.isReportDue = true
  }

  private mutating func release(_ attempt: AttemptID, _ effects: inout Effects) {
    guard let index = index(of: attempt) else { return }  // A repeat: forgotten already.
    let (isForgotten, steps) = attempts[index].release()
    effects.add(steps, of: attempts[index].specification)
    guard isForgotten else { return }
    attempts.remove(at: index)
    effects.isReportDue = true
  }
}
