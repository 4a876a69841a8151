import BackupModel
import Coordinator
import Dispatch
import Repository

/// The restore points of the configured repositories, for the coordinator's service.
///
/// Reading blocks; it is done on threads of its own, a few at once.
final class RepositoryCatalog: RestorePointCatalog {
  private let repositories: [RepositoryID: Repository]
  private let threads: DispatchQueue
  private let places: AsyncSemaphore

  /// `concurrentReads`: how many requests may read at once; more wait.
  init(_ repositories: [RepositoryID: Repository], concurrentReads: Int = 4) {
    self.repositories = repositories
    threads = DispatchQueue(label: "belay.catalog", attributes: .concurrent)
    places = AsyncSemaphore(concurrentReads)
  }

  func restorePoints(
    matching filter: RestorePointFilter, after last: RestorePointID?, limit: Int
  ) async throws(CatalogError) -> [CatalogedRestorePoint] {
    try await blocking { [repositories] () throws(RepositoryError) in
      var found: [CatalogedRestorePoint] = []
      for (id, repository) in repositories where filter.repository ?? id == id {
        for case .whole(let point, let summary) in try repository.restorePoints(
          of: filter.virtualMachine)
        where filter.matches(point) {
          found.append(CatalogedRestorePoint(point, summary))
        }
      }
      found.sort { $0.listingOrder > $1.listingOrder }
      if let last, let index = found.firstIndex(where: { $0.summary.id == last }) {
        found.removeFirst(index + 1)
      }
      return Array(found.prefix(limit))
    }
  }

  func restorePoint(_ id: RestorePointID) async throws(CatalogError) -> CatalogedRestorePoint {
    try await blocking { [repositories] () throws(RepositoryError) in
      let (_, reader) = try Self.open(id, in: repositories)
      return CatalogedRestorePoint(reader.restorePoint, reader.summary)
    }
  }

  func verify(
    _ id: RestorePointID, _ level: CatalogVerification.Level
  ) async throws(CatalogError) -> CatalogVerification {
    let cancellation = Cancellation()
    let result = await withTaskCancellationHandler {
      await attempting { [repositories] () throws(RepositoryError) in
        let (repository, reader) = try Self.open(id, in: repositories)
        let damages =
          switch level {
          case .checksums: try repository.verify(.files, cancellation: cancellation)
          case .content: try reader.verify(cancellation: cancellation)
          }
        return CatalogVerification(
          restorePoint: CatalogedRestorePoint(reader.restorePoint, reader.summary),
          damages: damages.compactMap { CatalogVerification.Damage($0, of: id) },
          verifiedBytes: reader.summary.logicalBytes)
      }
    } onCancel: {
      cancellation.cancel()
    }
    return try result.get()
  }

  private static func open(
    _ id: RestorePointID, in repositories: [RepositoryID: Repository]
  ) throws(RepositoryError) -> (Repository, RestorePointReader) {
    for (_, repository) in repositories.sorted(by: { $0.key < $1.key }) {
      do throws(RepositoryError) {
        return (repository, try repository.openRestorePoint(id))
      } catch {
        guard error.code == .notFound else { throw error }
      }
    }
    throw RepositoryError(.notFound, "There is no restore point \(id).")
  }

  private func blocking<Value: Sendable>(
    _ body: @escaping @Sendable () throws(RepositoryError) -> Value
  ) async throws(CatalogError) -> Value {
    try await attempting(body).get()
  }

  /// Runs what blocks on a thread of its own.
  private func attempting<Value: Sendable>(
    _ body: @escaping @Sendable () throws(RepositoryError) -> Value
  ) async -> Result<Value, CatalogError> {
    guard await places.take() else {
      return .failure(CatalogError(.unavailable, "The call was canceled."))
    }
    let result = await withCheckedContinuation {
      (continuation: CheckedContinuation<Result<Value, RepositoryError>, Never>) in
      threads.async {
        continuation.resume(returning: Result(catching: body))
      }
    }
    await places.give()
    return result.mapError(CatalogError.init)
  }
}

extension RestorePointFilter {
  fileprivate func matches(_ point: RestorePoint) -> Bool {
    (job ?? point.job) == point.job && (session ?? point.id.task.session) == point.id.task.session
  }
}

extension CatalogedRestorePoint {
  fileprivate init(_ point: RestorePoint, _ summary: RestorePointSummary) {
    self.init(
      summary: summary, job: point.job, created: point.sessionStarted,
      disks: point.disks.map { Disk(id: $0.id, size: $0.size) })
  }

  /// Newest first; within a session by the order of its VMs, so that a page's end is a place in a fixed order.
  fileprivate var listingOrder: ListingOrder { ListingOrder(created: created, id: summary.id) }

  fileprivate struct ListingOrder: Comparable {
    let created: Timestamp
    let id: RestorePointID

    static func < (left: ListingOrder, right: ListingOrder) -> Bool {
      (left.created, left.id) < (right.created, right.id)
    }
  }
}

extension CatalogVerification.Damage {
  /// Nil: it is of another restore point, or of a file that this one does not need.
  fileprivate init?(_ damage: Damage, of id: RestorePointID) {
    guard case .disk(let disk, _, let point, let range) = damage.place, point == id else {
      return nil
    }
    self.init(
      disk: disk.rawValue, offset: range.lowerBound, length: UInt64(range.count),
      message: damage.reason)
  }
}

extension CatalogError {
  fileprivate init(_ error: RepositoryError) {
    let code: Code =
      switch error.code {
      case .notFound: .notFound
      case .damaged, .newerFormat: .corrupt
      case .alreadyExists, .fenced, .conflict, .canceled, .source, .target, .storage, .invalid:
        .unavailable
      }
    self.init(code, error.description)
  }
}
