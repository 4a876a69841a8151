internal import BackupModel
internal import BelayAPI
internal import CoordinatorCore
internal import GRPC

/// Reads a session's log as lines: the records folded from the first, since a line's text depends on what was before.
struct LogReading {
  let stored: StoredSessions

  func lines(of session: SessionID, task: Int?, after: Int, skipping: Int, limit: Int)
    async throws -> [BelayV1.LogRecord]
  {
    var history: SessionHistory?
    var lines: [BelayV1.LogRecord] = []
    var skipped = 0
    while true {
      let page = try await stored.page(of: session, after: history?.sequence ?? 0)
      for record in page {
        let now = try Self.fold(record, into: &history)
        guard record.sequence > after else { continue }
        for line in now.lines(of: record) where task == nil || line.task == task {
          if skipped < skipping {
            skipped += 1
          } else {
            lines.append(.init(line, in: now))
          }
        }
        if lines.count >= limit { return Array(lines.prefix(limit)) }
      }
      if page.count < StoredSessions.pageSize { return lines }
    }
  }

  private static func fold(_ record: SessionRecord, into history: inout SessionHistory?) throws
    -> SessionHistory
  {
    do {
      var next = try history ?? SessionHistory(first: record)
      if history != nil { try next.apply(record) }
      history = next
      return next
    } catch {
      throw RPCError(.dataLoss, "\(error)", reason: "SESSION_LOG_CORRUPT")
    }
  }
}
