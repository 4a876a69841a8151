import GRPC
import Testing

@Suite("Status codes")
struct StatusCodeTests {
  @Test("the seventeen codes have the protocol's numbers and names")
  func names() {
    let names = (0...16).map { "\(StatusCode(rawValue: $0))" }
    #expect(
      names == [
        "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND",
        "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
        "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS",
        "UNAUTHENTICATED",
      ])
    #expect(StatusCode.unauthenticated.rawValue == 16 && StatusCode.aborted.rawValue == 10)
  }

  @Test("a number without a name is kept", arguments: [-1, 17, .max, .min])
  func unknown(number: Int) {
    #expect("\(StatusCode(rawValue: number))" == "CODE_\(number)")
  }
}
