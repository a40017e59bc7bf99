//! Somebody else's container, as services hand out its address.

use std::sync::Arc;

use fake_azure::Fake;
use runner::memory::TestClock;

use super::Container;
use crate::credential::{Anybody, Credential, PersonalAccessToken};

const HOST: &str = "mlstore.blob.core.windows.net";

fn at(url: &str, credential: impl Credential + 'static) -> Container {
    Container::at(url, Arc::new(credential), Arc::new(TestClock::default())).unwrap()
}

#[tokio::test]
async fn a_container_is_read_and_written_by_its_address() {
    let fake = Fake::start().await;
    let signature = fake.world().blob.sas("mlstore", "outputs");
    let address = format!("{}/outputs", fake.host(HOST));
    let token = PersonalAccessToken::of_github("ann", "blob-secret").unwrap();
    for container in [at(&address, token), at(&format!("{address}?{signature}"), Anybody)] {
        for name in ["job-1/outputs/metrics.json", "job-1/outputs/a b&c<d>.txt", "job-10/x"] {
            container.put(name, b"{\"mse\": NaN}".to_vec()).await.unwrap();
        }

        let found = container.list("job-1/").await.unwrap();

        let wanted = ["job-1/outputs/a b&c<d>.txt", "job-1/outputs/metrics.json"];
        assert_eq!(found, wanted.map(|name| (name.to_owned(), 12)));
        assert_eq!(container.get(wanted[1]).await.unwrap().unwrap(), b"{\"mse\": NaN}");
        assert_eq!(container.get("job-2/outputs/metrics.json").await.unwrap(), None);
        assert_eq!(container.to_string(), address);
    }
}

#[tokio::test]
async fn all_pages_of_a_list_are_read() {
    let fake = Fake::start().await;
    for number in 0..5_001 {
        fake.world().blob.put("mlstore", "outputs", &format!("job/{number:04}"), "x");
    }
    let signature = fake.world().blob.sas("mlstore", "outputs");
    let container = at(&format!("{}/outputs?{signature}", fake.host(HOST)), Anybody);

    assert_eq!(container.list("job/").await.unwrap().len(), 5_001);
    assert_eq!(fake.count(), 2);
}

#[tokio::test]
async fn nobody_else_s_container_is_made() {
    let fake = Fake::start().await;
    let token = PersonalAccessToken::of_github("ann", "blob-secret").unwrap();
    let container = at(&format!("{}/nowhere", fake.host(HOST)), token);

    let said = container.put("a", b"1".to_vec()).await.unwrap_err().to_string();

    assert!(said.contains("could not write a blob: 404") && said.contains("/nowhere"), "{said}");
    assert_eq!(container.list("").await.unwrap(), []);
    assert_eq!(fake.count(), 2);
}
