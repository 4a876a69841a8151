import BelayAPI

/// Reads a session's log, page by page.
struct SessionLog {
  let coordinator: CoordinatorAPI
  let client: ClientOptions

  /// The log's lines after a sequence number, oldest first.
  func records(of session: String, after sequence: Int64) async throws -> [BelayV1.LogRecord] {
    try await allPages { token in
      var request = BelayV1.ListLogRecordsRequest()
      request.parent = session
      request.afterSequence = sequence
      request.pageToken = token
      let page = try await coordinator.sessions.listLogRecords(request, options: client.call)
      return (page.logRecords, page.nextPageToken)
    }
  }
}

/// Collects the elements of all pages of a listing, at most `limit`.
func allPages<Element: Sendable>(
  limit: Int = .max, _ page: (_ token: String) async throws -> ([Element], next: String)
) async throws -> [Element] {
  var all: [Element] = []
  var token = ""
  repeat {
    let (elements, next) = try await page(token)
    all += elements
    token = next
  } while !token.isEmpty && all.count < limit
  return Array(all.prefix(limit))
}
