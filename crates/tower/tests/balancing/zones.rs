use headcount::Serving;
use headcount_tower::{ServingMembers, address_in_tag};

use crate::harness::{all_told, next, node, replica, start, until};

#[tokio::test]
async fn the_own_zone_is_preferred_while_enough_of_it_serve() {
    let client = start(node("client").zone("east"), &[]).await;
    let members = ServingMembers::builder(&client).prefer_zone("east", 2);
    let mut members = members.endpoint(address_in_tag("http"));
    let _far = start(replica("far", 1).zone("west"), &[&client]).await;
    assert_eq!(next(&mut members).await, "+far 1");
    let _near = start(replica("near", 2).zone("east"), &[&client]).await;
    assert_eq!(next(&mut members).await, "+near 2", "one alone is not enough");
    let other = start(replica("other", 3).zone("east"), &[&client]).await;
    assert_eq!(next(&mut members).await, "+other 3", "first who is new,");
    assert_eq!(next(&mut members).await, "-far", "then who is no longer needed");
    other.set_serving(Serving::Draining).await.expect("it runs");
    assert_eq!(next(&mut members).await, "-other");
    assert_eq!(next(&mut members).await, "+far 1");
    other.set_serving(Serving::Serving).await.expect("it runs");
    assert_eq!(next(&mut members).await, "+other 3", "a preference is no flap");
    assert_eq!(next(&mut members).await, "-far");
}

#[tokio::test]
async fn only_one_zone_means_only_one_zone() {
    let client = start(node("client"), &[]).await;
    let mut members =
        ServingMembers::builder(&client).only_zone("east").endpoint(address_in_tag("http"));
    let _far = start(replica("far", 1).zone("west"), &[&client]).await;
    let _nowhere = start(replica("nowhere", 2), &[&client]).await;
    until(|| client.members().live_len() == 3).await;
    assert!(all_told(&mut members).await.is_empty());
    let _near = start(replica("near", 3).zone("east"), &[&client]).await;
    assert_eq!(next(&mut members).await, "+near 3");
}
